//! Carries out the orders of the control channel: starts and stops of symbols.

use std::collections::HashSet;

use ekuiper_tests::nng_plugin::{Argument, Instances, Order};

use crate::{function, sink, source};

/// What runs, and the answers to orders.
#[derive(Default)]
pub(crate) struct Dispatcher {
    instances: Instances,
    functions: HashSet<String>,
}

impl Dispatcher {
    /// Carries out an order and returns the answer: `ok`, or the reason why not.
    pub(crate) fn answer(&mut self, order: &[u8]) -> String {
        match self.carry_out(order) {
            Ok(()) => "ok".to_owned(),
            Err(text) => text,
        }
    }

    fn carry_out(&mut self, order: &[u8]) -> Result<(), String> {
        let Order { command, argument } = Order::parse(order)?;
        match &*command {
            "start" => self.start(argument),
            "stop" => {
                // It is not an error if none runs: a host may stop what it had
                // started in a process that crashed.
                self.instances.stop(&argument.key());
                Ok(())
            }
            _ => Err(format!("unknown command `{command}`")),
        }
    }

    fn start(&mut self, argument: Argument) -> Result<(), String> {
        let start = match (&*argument.kind, &*argument.symbol) {
            ("func", symbol @ ("bench_echo" | "bench_head" | "bench_fill" | "bench_taken")) => {
                if self.functions.insert(symbol.to_owned()) {
                    function::start(symbol);
                }
                return Ok(());
            }
            ("source", "bench_rows") => source::start,
            ("sink", "bench_take") => sink::start,
            (kind, symbol) => return Err(format!("there is no {kind} `{symbol}`")),
        };
        self.instances.start(argument.key(), argument, start)
    }

    /// Stops every instance.
    pub(crate) fn stop_all(&mut self) {
        self.instances.stop_all();
    }
}
