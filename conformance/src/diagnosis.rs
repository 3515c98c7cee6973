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

/// Says why a function has not answered.
fn unanswered(seen: &Observation, transcript: &Transcript) -> String {
    let finding = seen.finding.as_ref();
    let symbol = finding.and_then(|finding| finding.symbol.as_ref());
    let symbol = symbol.map_or("", |symbol| &symbol.name);
    let channel = Channel::function(symbol);
    let times = transcript.hung_up(&channel);
    match transcript.unanswered(&channel) {
        _ if times > 0 => format!(
            "the plugin closed {channel} {times} times and did not answer; its socket may refuse a \
             message of that size"
        ),
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
