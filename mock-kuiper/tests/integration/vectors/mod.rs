//! The mock's half of each exchange is that of the recorded eKuiper releases.

mod every;
mod orders;
mod recordings;
mod requests;
mod starts;
