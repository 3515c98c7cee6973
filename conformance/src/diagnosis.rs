//! Makes an observation more precise by what the transcript shows.
//!
//! "Not answered in time" has many reasons; whether a connection is there, and
//! what was sent on it, tells them apart.

use mock_kuiper::{Channel, Code};

use crate::checked::Observation;
use crate::transcript::Transcript;

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
    match transcript.unanswered(&channel) {
        _ if hung_up > 0 => {
            let times = match hung_up {
                1 => "once".to_owned(),
                times => format!("{times} times"),
            };
            format!(
                "the plugin closed {channel} {times} and did not answer; its socket may refuse a \
                 message of that size"
            )
        }
        None if transcript.open(&channel) > 0 => format!(
            "the plugin dialed {channel} and sent nothing: a function greets before it is asked"
        ),
        None => format!(
            "there is no connection on {channel} (`/tmp/{channel}.ipc`): the plugin did not dial it"
        ),
        Some(request) if request.is_raw => format!(
            "function `{symbol}` did not answer a request of {} bytes, and its connection is open: \
             its thread may have ended. Answer `{{\"state\":false,\"result\":\"…\"}}` to a request \
             that cannot be decoded",
            request.size
        ),
        Some(_) => seen.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mock_kuiper::engine::wire::Command;
    use mock_kuiper::{
        Event, Finding, HostError, Kind, Meaning, Message, Observed, Observer as _, Release, Side,
        What,
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
        let observed = Observed::FunctionUnanswered {
            request: "Exec",
            limit: Duration::from_secs(5),
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

        assert!(silent.starts_with("the plugin dialed func_f and sent nothing"));
        assert!(raw.starts_with(
            "function `f` did not answer a request of 0 bytes, and its connection is open"
        ));
        assert!(hung_up.starts_with("the plugin closed func_f once and did not answer"));
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
