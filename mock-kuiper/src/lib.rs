//! A mock eKuiper.
