//! The load of many instances: each is started, gets one row, and is stopped.

use std::io::Write;
use std::time::Instant;

use serde_json::json;

use super::Reading;
use super::sink::{SinkRow, wait_taken};
use crate::host::Host;
use crate::{Result, usage};

/// Measures the time and the memory that one of `instances` sinks costs.
pub(super) fn one_row_each(host: &mut Host, instances: usize) -> Result<Reading> {
    let mut taken = host.start_function("bench_taken")?;
    // The host listens for acks, so each sink has both of its channels.
    let config = json!({"requireAck": true});
    let before = usage::memory(host.pid()).ok_or("the plugin has no memory")?;
    let begin = Instant::now();
    let mut running = Vec::new();
    for rule in 0..instances {
        running.push(host.start_sink(rule, &config)?);
    }
    let row = SinkRow::new(60).next();
    for instance in &mut running {
        instance.data.write_all(&row)?;
    }
    wait_taken(&mut taken, instances as u64)?;
    let memory = usage::memory(host.pid()).ok_or("the plugin has ended")? - before;
    for instance in &running {
        host.stop(&instance.started)?;
    }
    let each = |total: f64| total / instances as f64;
    Ok(Reading {
        time_each: Some(each(begin.elapsed().as_secs_f64() * 1e6)),
        memory_each: Some(each(memory * 1024.0)),
        ..Reading::default()
    })
}
