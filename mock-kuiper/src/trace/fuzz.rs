//! Fuzz target: the reader of traces and all that is made from its lines.

use std::io::{BufRead, BufReader};

use super::{Interpreter, Line, Proof, Prover, Reader, Sense, Shapes, Summary, TraceError};

/// A trace is read alike in one piece and byte by byte, its lines are written such that
/// they are read again, and it does not differ from itself.
pub(crate) fn trace(data: &[u8]) {
    let by_bytes = BufReader::with_capacity(1, data);
    assert_eq!(outcome(data), outcome(by_bytes));
}

/// The lines, whether the last one is cut, the shapes, what is proved, and the mistake.
type Outcome = (Vec<String>, bool, usize, Vec<Proof>, Option<String>);

fn outcome(input: impl BufRead) -> Outcome {
    let mut reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), false, 0, Vec::new(), Some(shown(&error))),
    };
    let header = reader.header().clone();
    let mut interpreter = Interpreter::new(&header);
    let mut summary = Summary::new(&header);
    let mut prover = Prover::new(&header, interpreter.release());
    let mut shapes = Shapes::default();
    let (mut lines, mut last) = (Vec::new(), 1);
    let error = loop {
        let (number, line) = match reader.next_line() {
            Ok(Some(read)) => read,
            Ok(None) => break None,
            Err(error) => break Some(shown(&error)),
        };
        let read = interpreter.interpret(number, &line);
        assert!(Sense::KINDS.contains(&read.sense.kind()));
        let text = read.text(&line);
        assert!(!text.contains('\u{1b}'), "{text:?}");
        summary.add(number, &line, &read);
        prover.add(number, &line, &read);
        shapes.add(number, &line, &read);
        let written = serde_json::to_string(&line).expect("a line is written");
        let again: Line<'_> = serde_json::from_str(&written).expect("a line is read");
        assert_eq!(again, line);
        lines.push(text);
        last = number;
    };
    assert_eq!(shapes.without(&shapes).count(), 0);
    let proofs = prover.finish();
    for proof in &proofs {
        assert!(
            proof.lines.iter().all(|(line, ..)| *line <= last),
            "{proof:?}"
        );
        assert!(proof.times >= proof.lines.len() as u64, "{proof:?}");
    }
    (lines, reader.is_cut(), shapes.len(), proofs, error)
}

fn shown(error: &TraceError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_recorded_trace_passes() {
        let recorded = include_bytes!("../../../tests/vectors/ekuiper-2.4.0-python-errors.jsonl");

        super::trace(recorded);
        super::trace(&recorded[..2000]);
    }
}
