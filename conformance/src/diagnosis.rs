//! Makes an observation more precise by what the transcript shows.
//!
//! "Not answered in time" has many reasons; whether a connection is there, and
//! what was sent on it, tells them apart.

use mock_kuiper::{Channel, Code, Observed};

use crate::checked::Observation;
use crate::transcript::{Request, Transcript};

/// A message of this size fits into any socket: 1 MiB is the limit of nng and
/// mangos unless they are told another.
const SMALL: usize = 1024 * 1024;

/// Replaces or extends the text of an observation.
pub(crate) fn refine(seen: &mut Observation, transcript: &Transcript) {
    match seen.code() {
        Some(Code::OrderUnanswered) => {
            if let Some(answer) = transcript.mistaken_greeting() {
                seen.text = format!("the answer was {}", taken_for_greeting(&answer));
                return;
            }
        }
        Some(Code::FunctionUnanswered) => seen.text = unanswered(seen, transcript),
        _ => {}
    }
    if let Some(answer) = transcript.mistaken_greeting() {
        let note = taken_for_greeting(&answer);
        seen.text = format!("{}; an answer was {note}", seen.text);
    }
}

fn taken_for_greeting(answer: &str) -> String {
    format!(
        "`{answer}`, which begins with `h`: eKuiper takes it for a greeting and sends the order \
         again, forever. Begin it differently, for example with `error: `"
    )
}

/// Explains why a function has not answered.
fn unanswered(seen: &Observation, transcript: &Transcript) -> String {
    let finding = seen.finding.as_ref();
    let symbol = finding.and_then(|finding| finding.symbol.as_ref());
    let symbol = symbol.map_or("", |symbol| &symbol.name);
    let channel = Channel::function(symbol);
    let hung_up = transcript.hung_up(&channel);
    let request = transcript.unanswered(&channel);
    match request {
        _ if hung_up > 0 => {
            let times = match hung_up {
                1 => "once".to_owned(),
                times => format!("{times} times"),
            };
            let closed = format!("the plugin closed {channel} {times} and did not answer");
            match request {
                Some(Request { size, .. }) if size > SMALL => format!(
                    "{closed} a request of {size} bytes: its socket has a size limit (nng and \
                     mangos: 1 MiB unless it is set to 0)"
                ),
                _ => closed,
            }
        }
        None if transcript.open(&channel) > 0 => format!(
            "the plugin dialed {channel} and sent nothing: a function greets before it is asked"
        ),
        None => format!(
            "there is no connection on {channel} (`/tmp/{channel}.ipc`): the plugin did not dial it"
        ),
        Some(Request { size, is_raw: true }) => {
            let instead = match finding.map(|finding| &finding.observed) {
                Some(Observed::FunctionUnanswered { seen, .. }) => format!(": {seen}"),
                _ => String::new(),
            };
            format!(
                "function `{symbol}` did not answer a request of {size} bytes{instead}. Answer \
                 `{{\"state\":false,\"result\":\"…\"}}` to a request that cannot be decoded"
            )
        }
        Some(_) => seen.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mock_kuiper::engine::finding::Seen;
    use mock_kuiper::engine::wire::Command;
    use mock_kuiper::{
        Event, Finding, HostError, Kind, Meaning, Message, Observer as _, Release, Side, What,
    };

    use super::*;
    use crate::checked::NotPassed;
    use mock_kuiper::engine::redact::Secrets;

    fn transcript() -> Transcript {
        Transcript::new(Secrets::default(), Release::find("2.4").unwrap())
    }

    fn tell(transcript: &Transcript, what: What<'_>) {
        transcript.event(&Event::new(Duration::ZERO, what));
    }

    fn message<'a>(
        channel: &'a Channel,
        from: Side,
        body: &'a [u8],
        meaning: Meaning<'a>,
    ) -> What<'a> {
        What::Message(Message {
            channel,
            from,
            id: None,
            body,
            meaning,
        })
    }

    fn refined(observed: Observed, kind: Kind, transcript: &Transcript) -> String {
        let finding = Finding::new(observed).of(kind, "f");
        let NotPassed::Failed(mut seen) = HostError::from(finding).into() else {
            panic!("a finding is a failure");
        };
        refine(&mut seen, transcript);
        seen.describe()
    }

    fn unanswered_call(transcript: &Transcript) -> String {
        let mut seen = Seen::default();
        seen.connected = true;
        let observed = Observed::FunctionUnanswered {
            request: "Exec",
            limit: Duration::from_secs(5),
            seen,
        };
        refined(observed, Kind::Function, transcript)
    }

    #[test]
    fn a_function_that_never_dialed_has_no_connection() {
        let text = unanswered_call(&transcript());

        assert_eq!(
            text,
            "there is no connection on func_f (`/tmp/func_f.ipc`): the plugin did not dial it"
        );
    }

    #[test]
    fn a_request_without_an_answer_is_described_by_its_size_and_its_connection() {
        let channel = Channel::function("f");
        let transcript = transcript();
        let connected = What::Connected {
            channel: &channel,
            pid: None,
        };
        tell(&transcript, connected);
        let silent = unanswered_call(&transcript);
        tell(
            &transcript,
            message(&channel, Side::Plugin, b"handshake", Meaning::Greeting),
        );
        tell(
            &transcript,
            message(&channel, Side::Host, b"", Meaning::Raw),
        );
        let raw = unanswered_call(&transcript);
        let closed = What::Closed {
            channel: &channel,
            from: Side::Plugin,
        };
        tell(&transcript, closed);
        let hung_up = unanswered_call(&transcript);
        let big = vec![b'x'; 2 * 1024 * 1024];
        tell(
            &transcript,
            message(&channel, Side::Host, &big, Meaning::Raw),
        );
        let big = unanswered_call(&transcript);

        assert!(silent.starts_with("the plugin dialed func_f and sent nothing"));
        assert!(raw.starts_with(
            "function `f` did not answer a request of 0 bytes: its connection is open, and it is \
             idle. Answer"
        ));
        assert_eq!(hung_up, "the plugin closed func_f once and did not answer");
        assert_eq!(
            big,
            "the plugin closed func_f once and did not answer a request of 2097152 bytes: its \
             socket has a size limit (nng and mangos: 1 MiB unless it is set to 0)"
        );
    }

    #[test]
    fn an_answer_that_begins_with_h_is_why_an_order_was_not_answered() {
        let channel = Channel::control("p");
        let transcript = transcript();
        for text in [&b"handshake"[..], b"have a look at interval"] {
            let greeting = message(&channel, Side::Plugin, text, Meaning::Greeting);
            tell(&transcript, greeting);
        }

        let text = refined(
            Observed::OrderUnanswered {
                command: Some(Command::Start),
                limit: Duration::from_secs(5),
                seen: Seen::default(),
            },
            Kind::Source,
            &transcript,
        );

        assert!(
            text.starts_with(
                "the answer was `have a look at interval`, which begins with `h`: eKuiper takes \
                 it for a greeting"
            ),
            "{text}"
        );
    }
}
