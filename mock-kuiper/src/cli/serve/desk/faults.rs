//! Plays faults on what runs.

use std::sync::{Arc, MutexGuard, PoisonError};

use mock_kuiper::engine::save::SavedStep;
use mock_kuiper::engine::wire::write_sink_value;
use mock_kuiper::{Fault, Function, Host, HostError, Kind, Outcome, Sink, Source, Stage, What};
use serde_json::{Value, json};

use super::instance::Instance;
use super::plugin::Plugin;
use super::problem::Problem;

impl Plugin {
    /// Plays a fault on everything that runs. `row` is what sinks get meanwhile. If
    /// the plugin does not survive, everything is started anew in a new process.
    pub(in crate::cli::serve) fn play(
        &self,
        fault: Fault,
        row: Option<Value>,
    ) -> Result<Value, Problem> {
        if fault.replaces_the_process() {
            self.check_launched(&format!(
                "play the fault `{fault}`, which launches it again"
            ))?;
        }
        let (_inside, host) = self.alone_with_host(&format!("the fault `{fault}` is played"))?;
        let instances: Vec<_> = self.live().instances.values().map(Arc::clone).collect();
        let mut sources = taken(&instances, Kind::Source, |one| one.take_source());
        let mut sinks = taken(&instances, Kind::Sink, |one| one.take_sink());
        let functions: Vec<_> = self.live().functions.values().map(Arc::clone).collect();
        let mut functions: Vec<MutexGuard<'_, Function>> = (functions.iter())
            .map(|function| function.lock().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let row = row.unwrap_or_else(|| json!({"mock": 1}));
        let mut message = Vec::new();
        write_sink_value(&mut message, &row, false);
        let bytes = message.len();

        self.watcher.tell(What::Fault {
            fault,
            outcome: None,
        });
        let played = self.play_on(
            &host,
            fault,
            sources.iter_mut().map(|(_, source)| source),
            sinks.iter_mut().map(|(_, sink)| sink),
            functions.iter_mut().map(|function| &mut **function),
            message,
        );
        if !host.has_crashed() {
            // A process that exited during the fault has been replaced.
            self.live().finding = None;
        }
        let has_sinks = !sinks.is_empty();
        for (instance, sink) in sinks {
            instance.put_sink(sink);
        }
        let mut reading = Ok(());
        for (instance, source) in sources {
            let read = instance.read(source);
            if let Err(problem) = &read {
                instance.note(problem.clone());
                instance.end();
            }
            reading = reading.and(read);
        }
        let outcome = played?;
        reading?;
        self.watcher.tell(What::Fault {
            fault,
            outcome: Some(outcome),
        });
        let row = has_sinks.then_some(row);
        self.live()
            .steps
            .push(SavedStep::Fault { fault, row }, bytes);
        Ok(match outcome {
            Outcome::Survived => json!({"outcome": "survived"}),
            Outcome::NotApplicable(reason) => {
                json!({"outcome": "not-applicable", "reason": reason})
            }
        })
    }

    fn play_on<'a>(
        &self,
        host: &'a Host,
        fault: Fault,
        sources: impl IntoIterator<Item = &'a mut Source>,
        sinks: impl IntoIterator<Item = &'a mut Sink>,
        functions: impl IntoIterator<Item = &'a mut Function>,
        row: Vec<u8>,
    ) -> Result<Outcome, Problem> {
        let set = Stage::set(host, sources, sinks, functions, row);
        let mut stage = set.map_err(|error| self.found(error))?;
        let error = match fault.play(&mut stage) {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        let HostError::Finding(finding) = &error else {
            return Err(error.into());
        };
        self.watcher.tell(What::Finding {
            finding,
            during: Some(fault),
        });
        let problem = Problem::from(&**finding).with("fault", fault.to_string());
        Err(match stage.renew() {
            Ok(()) => problem.advise("the plugin was launched again, and what ran was started"),
            Err(error) => problem.with("renewal", error.to_string()),
        })
    }
}

/// Takes the handles of all instances of one kind.
fn taken<T>(
    instances: &[Arc<Instance>],
    kind: Kind,
    take: impl Fn(&Instance) -> Option<T>,
) -> Vec<(Arc<Instance>, T)> {
    let of_kind = instances.iter().filter(|instance| instance.kind() == kind);
    of_kind
        .filter_map(|instance| Some((Arc::clone(instance), take(instance)?)))
        .collect()
}
