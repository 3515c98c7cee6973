//! What the channels of a trace are for.
//!
//! An order names the symbol of the channels that it opens, and says what they are
//! for. A trace may lack the order, because it begins later or is of another
//! recorder. Then the transport greetings say it, and at last who sends what.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::line::Line;
use super::read::{dialer, request_id, sender, socket};
use crate::symbol::{Channel, Kind, Meta, Purpose, Side, Symbol};

/// The channels of which something is remembered. A trace of more is hostile.
pub(super) const MOST: usize = 10_000;

/// What is known of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// What it is for.
    pub purpose: Option<Purpose>,
    /// The symbol that it belongs to.
    pub symbol: Option<Symbol>,
    /// The instance that it belongs to.
    pub meta: Option<Meta>,
    /// Whether the rule waits for an ack of each row.
    pub require_ack: bool,
}

/// The channels that were seen so far.
#[derive(Debug, Default)]
pub struct Channels {
    known: HashMap<String, Arc<Known>>,
}

impl Channels {
    /// Returns what is known of a channel.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Known> {
        self.known.get(name).map(Arc::as_ref)
    }

    /// Learns from a line what its channel is for, and returns what is known of it.
    pub(super) fn learn(&mut self, line: &Line<'_>) -> Arc<Known> {
        let Some(name) = line.channel.as_deref() else {
            return Arc::default();
        };
        let before = self.known.get(name).cloned().unwrap_or_default();
        if before.purpose.is_some() {
            return before;
        }
        let Some(purpose) = purpose_of(name, line) else {
            return before;
        };
        let symbol = (purpose == Purpose::Function).then(|| {
            let symbol = name.strip_prefix("func_").unwrap_or(name);
            Symbol::new(Kind::Function, symbol)
        });
        let known = Arc::new(Known {
            purpose: Some(purpose),
            symbol,
            ..Known::default()
        });
        self.set(name, Arc::clone(&known));
        known
    }

    /// Learns from a start order which channels it opens.
    pub(super) fn start(&mut self, symbol: &Symbol, meta: &Meta, config: &Value) {
        let channels = match symbol.kind {
            Kind::Source => vec![Channel::source(meta)],
            Kind::Sink => vec![Channel::sink(meta), Channel::ack(meta)],
            Kind::Function => vec![Channel::function(&symbol.name)],
        };
        for channel in channels {
            let known = Known {
                purpose: Some(channel.purpose()),
                symbol: Some(symbol.clone()),
                meta: (symbol.kind != Kind::Function).then(|| meta.clone()),
                require_ack: config["requireAck"] == true,
            };
            self.set(channel.name(), Arc::new(known));
        }
    }

    fn set(&mut self, name: &str, known: Arc<Known>) {
        if self.known.len() < MOST || self.known.contains_key(name) {
            self.known.insert(name.to_owned(), known);
        }
    }
}

/// Tells what a channel is for by one of its lines alone.
fn purpose_of(name: &str, line: &Line<'_>) -> Option<Purpose> {
    let request = || match name.starts_with("func_") {
        true => Purpose::Function,
        false => Purpose::Control,
    };
    let from_plugin = || match name.ends_with("_ack") {
        true => Purpose::Ack,
        false => Purpose::Source,
    };
    let from = sender(line);
    match (socket(line), from) {
        (Some(0x30 | 0x31), _) => return Some(request()),
        (Some(0x50), Some(Side::Plugin)) | (Some(0x51), Some(Side::Host)) => {
            return Some(from_plugin());
        }
        (Some(0x50), Some(Side::Host)) | (Some(0x51), Some(Side::Plugin)) => {
            return Some(Purpose::Sink);
        }
        _ => {}
    }
    if line.event.is_some() {
        return match dialer(line) {
            Some(Side::Host) => Some(Purpose::Sink),
            Some(Side::Plugin) if name.starts_with("plugin_") => Some(Purpose::Control),
            Some(Side::Plugin) if name.starts_with("func_") => Some(Purpose::Function),
            _ => None,
        };
    }
    if line.sp.is_some() {
        return None;
    }
    let is_request =
        request_id(line).is_some() || name.starts_with("plugin_") || name.starts_with("func_");
    match from? {
        _ if is_request => Some(request()),
        Side::Plugin => Some(from_plugin()),
        Side::Host => Some(Purpose::Sink),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn learned(lines: &[&str]) -> Option<Purpose> {
        let mut channels = Channels::default();
        let mut known = Arc::<Known>::default();
        for line in lines {
            known = channels.learn(&serde_json::from_str(line).unwrap());
        }
        known.purpose
    }

    #[test]
    fn without_orders_greetings_names_and_senders_say_what_a_channel_is_for() {
        for (lines, purpose) in [
            (
                &[r#"{"t":0,"channel":"r_s_0","from":"plugin","sp":"0053500000500000"}"#][..],
                Purpose::Source,
            ),
            (
                &[r#"{"t":0,"channel":"r_s_0_ack","from":"plugin","sp":"0053500000500000"}"#],
                Purpose::Ack,
            ),
            (
                &[r#"{"t":0,"channel":"r_s_0_ack","from":"host","sp":"0053500000500000"}"#],
                Purpose::Sink,
            ),
            (
                &[r#"{"t":0,"channel":"plugin_r_0","from":"plugin","sp":"0053500000510000"}"#],
                Purpose::Sink,
            ),
            (
                &[r#"{"t":0,"channel":"func_f","from":"host","sp":"0053500000310000"}"#],
                Purpose::Function,
            ),
            (
                &[r#"{"t":0,"channel":"plugin_p","event":"connected","dialer":"plugin"}"#],
                Purpose::Control,
            ),
            (
                &[r#"{"t":0,"channel":"r_k_0","event":"connected","dialer":"host"}"#],
                Purpose::Sink,
            ),
            (
                &[r#"{"t":0,"channel":"r_k_0","from":"host","text":"{}"}"#],
                Purpose::Sink,
            ),
            (
                &[r#"{"t":0,"channel":"r_k_0","from":"plugin","text":"{}"}"#],
                Purpose::Source,
            ),
            (
                &[r#"{"t":0,"channel":"mine","from":"plugin","id":"80000000","text":"ok"}"#],
                Purpose::Control,
            ),
            (
                &[r#"{"t":0,"channel":"plugin_p","from":"plugin","text":"ok"}"#],
                Purpose::Control,
            ),
        ] {
            assert_eq!(learned(lines), Some(purpose), "{lines:?}");
        }
        assert_eq!(
            learned(&[r#"{"t":0,"channel":"r_k_0","event":"closed","from":"host"}"#]),
            None
        );
    }

    #[test]
    fn an_order_says_what_its_channels_are_for_and_a_greeting_does_not_overrule_it() {
        let mut channels = Channels::default();
        let sink = Symbol::new(Kind::Sink, "file");
        channels.start(
            &sink,
            &Meta::new("plugin", "k"),
            &json!({"requireAck": true}),
        );

        let line = r#"{"t":0,"channel":"plugin_k_0","from":"plugin","sp":"0053500000500000"}"#;
        let known = channels.learn(&serde_json::from_str(line).unwrap());

        assert_eq!(known.purpose, Some(Purpose::Sink));
        assert_eq!(known.symbol, Some(sink.clone()));
        assert!(known.require_ack);
        assert_eq!(
            channels.get("plugin_k_0_ack").unwrap().purpose,
            Some(Purpose::Ack)
        );
    }

    #[test]
    fn a_trace_of_endless_channels_does_not_fill_the_memory() {
        let mut channels = Channels::default();
        for number in 0..MOST + 10 {
            let line = format!(r#"{{"t":0,"channel":"c{number}","from":"plugin","text":""}}"#);
            let known = channels.learn(&serde_json::from_str(&line).unwrap());
            assert_eq!(known.purpose, Some(Purpose::Source));
        }

        assert_eq!(channels.known.len(), MOST);
    }
}
