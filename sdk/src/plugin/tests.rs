//! The launch arguments, and the registration of symbols.

use super::*;

fn check(arguments: &[&str]) -> Result<(), String> {
    check_arguments(arguments.iter().map(OsString::from))
}

#[test]
fn a_json_object_or_no_launch_argument_is_accepted() {
    assert_eq!(check(&[]), Ok(()));
    assert_eq!(check(&[r#"{"sendTimeout":1000}"#]), Ok(()));
    assert_eq!(check(&["{}"]), Ok(()));
}

#[test]
fn any_other_launch_argument_is_rejected() {
    for arguments in [
        &["--help"][..],
        &["7"],
        &["[]"],
        &["{"],
        &[""],
        &["{}", "{}"],
    ] {
        assert!(check(arguments).is_err(), "{arguments:?}");
    }
}

#[test]
fn a_panic_while_one_symbol_is_described_leaves_the_others() {
    struct Nothing;
    impl crate::Source for Nothing {
        fn open(&mut self, _: &crate::SourceContext) -> crate::Result {
            Ok(())
        }
    }
    let mut bad = IntoSource::into_source(|| Nothing);
    bad.about = Some(Box::new(|| panic!("no default")));

    let description = PluginConfig::new("p")
        .source("bad", bad)
        .function("half", |x: f64| x / 2.0)
        .description();

    let json = serde_json::to_value(description).unwrap();
    let error = json["sources"][0]["error"].as_str().unwrap();
    assert!(error.ends_with(": no default"), "{error}");
    assert_eq!(json["functions"][0]["args"][0]["name"], "arg1");
}

#[test]
fn adding_two_symbols_of_one_name_panics_at_the_second() {
    struct Nothing;
    impl crate::Source for Nothing {
        fn open(&mut self, _: &crate::SourceContext) -> crate::Result {
            Ok(())
        }
    }
    impl crate::Sink for Nothing {
        fn open(&mut self, _: &crate::SinkContext) -> crate::Result {
            Ok(())
        }
        fn collect(&mut self, _: &crate::SinkContext, _: crate::Data<'_>) -> crate::Result {
            Ok(())
        }
    }
    fn half(x: f64) -> f64 {
        x / 2.0
    }
    fn count(column: Vec<f64>) -> usize {
        column.len()
    }
    type Add = fn(PluginConfig) -> PluginConfig;
    let cases: [(u32, &str, Add); 4] = [
        (line!(), "source", |plugin| plugin.source("s", || Nothing)),
        (line!(), "sink", |plugin| plugin.sink("s", || Nothing)),
        (line!(), "function", |plugin| plugin.function("s", half)),
        (line!(), "function", |plugin| plugin.aggregate("s", count)),
    ];

    for (line, kind, add) in cases {
        let panic = panics::catch(|| add(add(PluginConfig::new("p")))).unwrap_err();

        let start = format!("panicked at {}:{line}:", file!());
        let end = format!(": the plugin has two {kind}s named `s`");
        assert!(
            panic.starts_with(&start) && panic.ends_with(&end),
            "{panic}"
        );
    }
}
