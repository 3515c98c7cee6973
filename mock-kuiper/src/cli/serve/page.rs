//! The files of the page: `index.html` at `/`, the others below `/page/`.
//!
//! They are part of the command, and need no build step. What each does is in its own
//! header.

/// Returns the content type and the bytes of the file at a path of the server.
pub(super) fn file(path: &str) -> Option<(&'static str, &'static [u8])> {
    let name = match path {
        "/" => "index.html",
        _ => path.strip_prefix("/page/")?,
    };
    let (name, bytes) = FILES.iter().find(|(file, _)| *file == name)?;
    let kind = match name.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    };
    Some((kind, bytes.as_bytes()))
}

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("page/", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = files!(
    "api.js" "app.js" "call.js" "case.js" "controls.js" "dom.js" "faults.js" "form.js"
    "head.js" "icon.svg" "index.html" "instances.js" "json.js" "lanes.js" "list.js"
    "log.js" "rows.js" "sink.js" "source.js" "store.js" "style.css" "symbols.js"
    "text.js" "wire.js"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_of_the_folder_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/serve/page");

        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(file(&format!("/page/{name}")).is_some(), "{name}");
        }
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        for (name, text) in FILES {
            let foreign = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
            assert!(!foreign.contains("http://"), "{name}");
            assert!(!foreign.contains("https://"), "{name}");
            assert!(!text.contains("innerHTML"), "{name}");
        }
    }
}
