//! A picture of a conversation over time: SVG with a lane for each channel, a mark
//! for each message, and the steps along the time axis.
//!
//! Horizontal places are percentages and vertical ones are pixels, so the picture
//! fits any width and its text keeps its size. Messages that are close together
//! become one mark.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::escape::{html, short};
use super::page::{Mark, Span, Timeline};
use crate::foreign;
use crate::symbol::Side;

/// The marks of one picture.
const MARKS: usize = 600;

/// The bands of one picture.
const BANDS: usize = 100;

/// The lanes of one picture.
const LANES: usize = 12;

/// In how many columns messages are put together, the finest first.
const COLUMNS: [u32; 7] = [1000, 500, 250, 120, 60, 40, 24];

/// The heights of the parts, in pixels.
const AXIS: usize = 18;
const STEPS: usize = 24;
const LANE: usize = 46;

/// The shapes that the pictures of a page share.
pub(super) const SHAPES: &str = "<svg class=\"shapes\" width=\"0\" height=\"0\" aria-hidden=\"true\">\
     <defs><path id=\"h\" class=\"h\" d=\"M-4-9H4L0-1Z\"/><path id=\"p\" class=\"p\" d=\"M-4 9H4L0 1Z\"/>\
     </defs></svg>\n";

/// Draws a conversation; nothing if there is none.
pub(super) fn draw(out: &mut String, timeline: &Timeline) {
    let Some(axis) = Axis::of(timeline) else {
        return;
    };
    let lanes = lanes(&timeline.marks);
    let shown = &lanes[..lanes.len().min(LANES)];
    let top = AXIS + if timeline.spans.is_empty() { 0 } else { STEPS };
    let height = top + shown.len() * LANE;
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "<figure class=\"timeline\">\n<svg role=\"img\" width=\"100%\" height=\"{height}\" \
         aria-label=\"{}\">",
        html(&description(timeline, lanes.len(), &axis))
    );
    bands(out, &timeline.spans, &axis, height);
    ticks(out, &axis, height);
    for (index, lane) in shown.iter().enumerate() {
        let line = top + index * LANE + 31;
        let _ = writeln!(
            out,
            "<svg y=\"{}\" width=\"100%\" height=\"18\"><text class=\"lane\" x=\"6\" y=\"14\">{}</text>\
             </svg>\n<line class=\"lane\" x1=\"0\" x2=\"100%\" y1=\"{line}\" y2=\"{line}\"/>",
            line - 31,
            html(&foreign::excerpt(lane.as_bytes()))
        );
    }
    let groups = groups(&timeline.marks, shown, &axis);
    let most = groups.iter().map(|group| group.count).max();
    for group in &groups {
        group.draw(out, &axis, top, most.unwrap_or(1));
    }
    out.push_str("</svg>\n<figcaption>");
    legend(out, timeline, lanes.len() - shown.len());
    out.push_str("</figcaption>\n</figure>\n");
}

/// The time that a picture shows.
struct Axis {
    begin: f64,
    length: f64,
}

impl Axis {
    fn of(timeline: &Timeline) -> Option<Self> {
        let spans = timeline
            .spans
            .iter()
            .flat_map(|span| [span.began, span.ended]);
        let times = spans.chain(timeline.marks.iter().map(|mark| mark.at));
        let times: Vec<_> = times.map(|time| time.as_secs_f64()).collect();
        let begin = times.iter().copied().reduce(f64::min)?;
        let end = times.iter().copied().reduce(f64::max)?;
        Some(Self {
            begin,
            length: (end - begin).max(0.001),
        })
    }

    /// Returns where a time is, in percent.
    fn at(&self, time: Duration) -> f64 {
        (time.as_secs_f64() - self.begin) / self.length * 100.0
    }
}

fn description(timeline: &Timeline, lanes: usize, axis: &Axis) -> String {
    format!(
        "{} messages on {lanes} channels and {} steps in {:.3} seconds; they are listed below",
        timeline.marks.len(),
        timeline.spans.len(),
        axis.length
    )
}

/// Returns the channels, in the order of their first messages.
fn lanes(marks: &[Mark]) -> Vec<&str> {
    let mut lanes = Vec::new();
    for mark in marks {
        if !lanes.contains(&mark.lane.as_str()) {
            lanes.push(mark.lane.as_str());
        }
    }
    lanes
}

/// Draws the steps; if there are many, several as one.
fn bands(out: &mut String, spans: &[Span], axis: &Axis, height: usize) {
    let size = spans.len().div_ceil(BANDS).max(1);
    for (index, group) in spans.chunks(size).enumerate() {
        let (first, last) = (&group[0], &group[group.len() - 1]);
        let left = axis.at(first.began);
        let width = (axis.at(last.ended) - left).max(0.15);
        let worst = group.iter().map(|span| span.tone).min();
        let class = match worst {
            Some(super::page::Tone::Bad) => "band bad",
            _ if index % 2 == 0 => "band even",
            _ => "band",
        };
        let number = index * size + 1;
        let title = match group.len() {
            1 => format!("step {number}: {}", short(&first.title)),
            more => format!(
                "steps {number} to {}: {} …",
                number + more - 1,
                short(&first.title)
            ),
        };
        let _ = write!(
            out,
            "<g><title>{title} ({:.3} s)</title><rect class=\"{class}\" x=\"{left:.2}%\" \
             width=\"{width:.2}%\" y=\"{AXIS}\" height=\"{}\"/>",
            last.ended.saturating_sub(first.began).as_secs_f64(),
            height - AXIS
        );
        if width > 2.5 {
            let name = match group.len() {
                1 => format!(
                    "{number} {}",
                    html(&foreign::excerpt(first.title.as_bytes()))
                ),
                more => format!("{number}–{}", number + more - 1),
            };
            // A picture of its own, so that the name ends where the band ends.
            let _ = write!(
                out,
                "<svg x=\"{left:.2}%\" y=\"{AXIS}\" width=\"{width:.2}%\" height=\"{STEPS}\">\
                 <text x=\"6\" y=\"16\">{name}</text></svg>"
            );
        }
        out.push_str("</g>\n");
    }
}

/// Draws the times: at most six, at round numbers.
fn ticks(out: &mut String, axis: &Axis, height: usize) {
    let mut step = 1e-4;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if axis.length / step <= 5.0 {
            break;
        }
        step *= factor;
    }
    let digits = if step < 0.001 {
        4
    } else {
        usize::from(step < 1.0) * 3
    };
    let first = (axis.begin / step).ceil();
    for index in 0..6_u8 {
        let time = (first + f64::from(index)) * step;
        let left = (time - axis.begin) / axis.length * 100.0;
        if left > 100.0 {
            break;
        }
        let anchor = match left {
            left if left < 4.0 => "start",
            left if left > 94.0 => "end",
            _ => "middle",
        };
        let class = if index % 2 == 0 { "time" } else { "time odd" };
        let _ = writeln!(
            out,
            "<line class=\"tick\" x1=\"{left:.2}%\" x2=\"{left:.2}%\" y1=\"{AXIS}\" y2=\"{height}\"/>\
             <text class=\"{class}\" x=\"{left:.2}%\" y=\"12\" text-anchor=\"{anchor}\">{time:.digits$} \
             s</text>"
        );
    }
}

/// Messages of one channel and side that are close together.
struct Group<'a> {
    lane: usize,
    from: Side,
    count: usize,
    first: &'a Mark,
    last: &'a Mark,
}

/// Puts messages together until the picture has few enough marks.
fn groups<'a>(marks: &'a [Mark], lanes: &[&str], axis: &Axis) -> Vec<Group<'a>> {
    let lane_of: BTreeMap<_, _> = lanes.iter().zip(0..).collect();
    let mut found = BTreeMap::new();
    for columns in COLUMNS {
        found = BTreeMap::new();
        for mark in marks {
            let Some(lane) = lane_of.get(&mark.lane.as_str()) else {
                continue;
            };
            let column = (axis.at(mark.at) / 100.0 * f64::from(columns)) as u32;
            let key = (*lane, mark.from == Side::Plugin, column.min(columns - 1));
            let group = found.entry(key).or_insert(Group {
                lane: *lane,
                from: mark.from,
                count: 0,
                first: mark,
                last: mark,
            });
            group.count += 1;
            group.last = mark;
        }
        if found.len() <= MARKS {
            break;
        }
    }
    found.into_values().collect()
}

impl Group<'_> {
    /// Draws one message as an arrow, and several as a bar that is the higher the
    /// more they are, compared with `most`.
    fn draw(&self, out: &mut String, axis: &Axis, top: usize, most: usize) {
        let line = top + self.lane * LANE + 31;
        let class = match self.from {
            Side::Host => "h",
            Side::Plugin => "p",
        };
        let (first, last) = (self.first, self.last);
        let left = axis.at(first.at);
        let text = html(&foreign::excerpt(first.text.as_bytes()));
        let begin = first.at.as_secs_f64();
        if self.count == 1 {
            let _ = writeln!(
                out,
                "<use href=\"#{class}\" x=\"{left:.2}%\" y=\"{line}\"><title>{begin:.4} s, from {}: \
                 {text}</title></use>",
                self.from
            );
            return;
        }
        let height = 2 + 7 * self.count / most;
        let y = match self.from {
            Side::Host => line - 1 - height,
            Side::Plugin => line + 1,
        };
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{left:.2}%\" width=\"{:.2}%\" y=\"{y}\" height=\"{height}\">\
             <title>{} messages from {}, {begin:.4} s to {:.4} s, the first: {text}</title></rect>",
            (axis.at(last.at) - left).max(0.6),
            self.count,
            self.from,
            last.at.as_secs_f64()
        );
    }
}

fn legend(out: &mut String, timeline: &Timeline, left_out: usize) {
    if !timeline.marks.is_empty() {
        for (shape, text) in [
            ("<use href=\"#h\" x=\"5\" y=\"10\"/>", "host to plugin"),
            ("<use href=\"#p\" x=\"5\" y=\"0\"/>", "plugin to host"),
            (
                "<rect class=\"h\" width=\"10\" y=\"1\" height=\"8\"/>",
                "several messages",
            ),
        ] {
            let _ = write!(
                out,
                "<span><svg width=\"10\" height=\"10\" aria-hidden=\"true\">{shape}</svg> {text}</span>"
            );
        }
    }
    if !timeline.spans.is_empty() {
        out.push_str("<span>bands are steps</span>");
    }
    if left_out > 0 {
        let _ = write!(out, "<span>{left_out} more channels are not shown</span>");
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Tone;
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn mark(at: u64, lane: &str, from: Side, text: &str) -> Mark {
        Mark {
            at: ms(at),
            lane: lane.to_owned(),
            from,
            text: text.to_owned(),
        }
    }

    fn drawn(timeline: &Timeline) -> String {
        let mut out = String::new();
        draw(&mut out, timeline);
        out
    }

    #[test]
    fn each_channel_has_a_lane_and_each_side_a_shape() {
        let timeline = Timeline {
            spans: vec![Span {
                title: "call <echo>".to_owned(),
                began: ms(0),
                ended: ms(40),
                tone: Tone::Bad,
            }],
            marks: vec![
                mark(10, "plugin_mirror", Side::Plugin, "handshake"),
                mark(20, "echo", Side::Host, r#"{"func":"Exec"}"#),
            ],
        };

        assert_eq!(
            drawn(&timeline),
            r##"<figure class="timeline">
<svg role="img" width="100%" height="134" aria-label="2 messages on 2 channels and 1 steps in 0.040 seconds; they are listed below">
<g><title>step 1: call &lt;echo&gt; (0.040 s)</title><rect class="band bad" x="0.00%" width="100.00%" y="18" height="116"/><svg x="0.00%" y="18" width="100.00%" height="24"><text x="6" y="16">1 call &lt;echo&gt;</text></svg></g>
<line class="tick" x1="0.00%" x2="0.00%" y1="18" y2="134"/><text class="time" x="0.00%" y="12" text-anchor="start">0.000 s</text>
<line class="tick" x1="25.00%" x2="25.00%" y1="18" y2="134"/><text class="time odd" x="25.00%" y="12" text-anchor="middle">0.010 s</text>
<line class="tick" x1="50.00%" x2="50.00%" y1="18" y2="134"/><text class="time" x="50.00%" y="12" text-anchor="middle">0.020 s</text>
<line class="tick" x1="75.00%" x2="75.00%" y1="18" y2="134"/><text class="time odd" x="75.00%" y="12" text-anchor="middle">0.030 s</text>
<line class="tick" x1="100.00%" x2="100.00%" y1="18" y2="134"/><text class="time" x="100.00%" y="12" text-anchor="end">0.040 s</text>
<svg y="42" width="100%" height="18"><text class="lane" x="6" y="14">plugin_mirror</text></svg>
<line class="lane" x1="0" x2="100%" y1="73" y2="73"/>
<svg y="88" width="100%" height="18"><text class="lane" x="6" y="14">echo</text></svg>
<line class="lane" x1="0" x2="100%" y1="119" y2="119"/>
<use href="#p" x="25.00%" y="73"><title>0.0100 s, from plugin: handshake</title></use>
<use href="#h" x="50.00%" y="119"><title>0.0200 s, from host: {&quot;func&quot;:&quot;Exec&quot;}</title></use>
</svg>
<figcaption><span><svg width="10" height="10" aria-hidden="true"><use href="#h" x="5" y="10"/></svg> host to plugin</span><span><svg width="10" height="10" aria-hidden="true"><use href="#p" x="5" y="0"/></svg> plugin to host</span><span><svg width="10" height="10" aria-hidden="true"><rect class="h" width="10" y="1" height="8"/></svg> several messages</span><span>bands are steps</span></figcaption>
</figure>
"##
        );
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(drawn(&Timeline::default()), "");
    }

    #[test]
    fn of_many_messages_those_that_are_close_are_one_mark() {
        let marks = (0..10_000).map(|number| {
            let lane = format!("lane{}", number % 20);
            mark(number, &lane, Side::Plugin, "row")
        });
        let timeline = Timeline {
            spans: Vec::new(),
            marks: marks.collect(),
        };

        let picture = drawn(&timeline);

        let marks = picture.matches("<title>").count();
        assert!((100..=600).contains(&marks), "{marks} marks");
        assert!(picture.contains("messages from plugin, "), "{picture}");
        assert!(picture.contains("8 more channels are not shown"));
        assert!(picture.len() < 150_000, "{} bytes", picture.len());
    }

    #[test]
    fn many_steps_are_drawn_together_and_a_bad_one_stands_out() {
        let spans = (0..1000).map(|number| Span {
            title: format!("call {number}"),
            began: ms(number),
            ended: ms(number + 1),
            tone: if number == 995 { Tone::Bad } else { Tone::Good },
        });
        let timeline = Timeline {
            spans: spans.collect(),
            marks: Vec::new(),
        };

        let picture = drawn(&timeline);

        assert_eq!(picture.matches("<g>").count(), 100);
        assert!(picture.contains(
            "<title>steps 991 to 1000: call 990 … (0.010 s)</title><rect class=\"band bad\""
        ));
    }
}
