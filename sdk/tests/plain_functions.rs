//! Functions and aggregates written as plain functions, and their unit tests.
//!
//! docs/from-python.md shows some of them.

use ekuiper::serde_json::json;
use ekuiper::{Bytes, FunctionContext, PluginConfig, Value, testing};
use serde::Serialize;

fn c_to_f(celsius: f64) -> f64 {
    celsius * 1.8 + 32.0
}

fn revert(text: String) -> String {
    text.chars().rev().collect()
}

fn distance(x1: f64, y1: f64, x2: f64, y2: f64) -> Result<f64, String> {
    let distance = (x2 - x1).hypot(y2 - y1);
    if distance > 1000.0 {
        return Err(format!("{distance} km is too far"));
    }
    Ok(distance)
}

fn middle(column: Vec<Option<f64>>) -> Option<f64> {
    let mut numbers: Vec<f64> = column.into_iter().flatten().collect();
    numbers.sort_by(f64::total_cmp);
    let upper = *numbers.get(numbers.len() / 2)?;
    let lower = numbers[(numbers.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

fn running_total(x: Option<f64>, ctx: &FunctionContext) -> f64 {
    ctx.with_state(|total: &mut f64| {
        *total += x.unwrap_or(0.0);
        *total
    })
}

#[derive(Serialize)]
struct Size {
    width: u32,
    height: u32,
}

fn image_size(image: Bytes) -> ekuiper::Result<Size> {
    let header = image.get(..24).ok_or("the image has no header")?;
    if !header.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err("the image is not a PNG".into());
    }
    Ok(Size {
        width: u32::from_be_bytes(header[16..20].try_into()?),
        height: u32::from_be_bytes(header[20..24].try_into()?),
    })
}

#[test]
fn plain_functions_are_registered_under_their_names() {
    let plugin = PluginConfig::new("plain")
        .function("c_to_f", c_to_f)
        .function("k_to_c", |kelvin: f64| kelvin - 273.15)
        .function("revert", revert)
        .function("distance", distance)
        .function("running_total", running_total)
        .function("image_size", image_size)
        .aggregate("middle", middle)
        .aggregate("longest", |names: Vec<String>| {
            names.iter().map(String::len).max()
        });

    let text = format!("{plugin:?}");

    for name in ["c_to_f", "k_to_c", "image_size", "middle", "longest"] {
        assert!(text.contains(&format!("\"{name}\"")), "{text}");
    }
}

#[test]
fn plain_functions_are_tested_as_a_host_calls_them() {
    let call = |mut function: testing::FunctionTest, args: Value| {
        function.exec(args.as_array().unwrap().clone()).unwrap()
    };

    assert_eq!(call(testing::function(c_to_f), json!([100])), 212.0);
    assert_eq!(call(testing::function(revert), json!(["abc"])), "cba");
    assert_eq!(call(testing::function(distance), json!([0, 0, 3, 4])), 5.0);
    assert_eq!(call(testing::aggregate(middle), json!([[3, null, 1]])), 2.0);
    assert_eq!(call(testing::aggregate(middle), json!([null])), json!(null));
}

#[test]
fn an_argument_of_the_wrong_type_is_named() {
    let mut distance = testing::function(distance);

    let error = distance.exec([json!(0), json!("x"), json!(0), json!(0)]);

    assert_eq!(
        error.unwrap_err().to_string(),
        "exec: test: argument 2: expected f64, found string \"x\""
    );
}

#[test]
fn the_total_of_each_call_in_a_rule_is_its_own() {
    let mut total = testing::function(running_total);

    assert_eq!(total.exec([json!(1.5)]).unwrap(), 1.5);
    assert_eq!(total.exec([json!(2)]).unwrap(), 3.5);
    assert_eq!(total.exec([json!(null)]).unwrap(), 3.5);
    assert_eq!(total.call_of("other", 0).exec([json!(1)]).unwrap(), 1.0);
}

#[test]
fn the_size_of_an_image_is_read_from_base64_text() {
    let mut size = testing::function(image_size);
    // The header of a PNG of 640 by 480 pixels.
    let png = "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA=";

    let result = size.exec([json!(png)]).unwrap();
    let errors = ["AAAA", "!", &"A".repeat(40)].map(|text| {
        let error = size.exec([json!(text)]).unwrap_err();
        error.to_string()
    });

    assert_eq!(result, json!({"width": 640, "height": 480}));
    assert_eq!(
        errors,
        [
            "exec: the image has no header",
            "exec: test: argument 1: expected base64 text, found '!' at byte 0",
            "exec: the image is not a PNG",
        ]
    );
}
