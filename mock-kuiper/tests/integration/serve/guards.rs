//! Who may talk to the server, and how much.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use super::common::Probe;
use super::http::{Stream, request};

#[test]
fn a_page_of_another_site_is_refused() {
    let server = Probe::new().serve(&["--allow-host", "desk.example"]);
    let port = server.port;
    let own = format!("http://127.0.0.1:{port}");
    let ask = |headers: &[(&str, &str)]| request(port, "GET", "/api", headers, "");

    assert_eq!(ask(&[("Origin", &own)]).status, 200);
    assert_eq!(ask(&[("Host", "desk.example")]).status, 200);
    assert_eq!(ask(&[("Host", &format!("localhost:{port}"))]).status, 200);
    let (code, text) = ask(&[("Origin", "http://evil.example")]).refused(403);
    assert_eq!(code, "forbidden");
    assert_eq!(text, "the page `http://evil.example` is not of this server");
    ask(&[("Origin", "null")]).refused(403);
    ask(&[("Origin", &own.replace("http", "https"))]).refused(403);
    // A proxy encrypts the connection to an allowed name, and may put its own `Host`.
    let proxied = ("Origin", "https://desk.example");
    assert_eq!(ask(&[proxied, ("Host", "desk.example")]).status, 200);
    assert_eq!(ask(&[proxied]).status, 200);
    ask(&[("Origin", "ftp://desk.example")]).refused(403);
    let rebound = format!("evil.example:{port}");
    let (_, text) = ask(&[("Host", &rebound)]).refused(403);
    assert_eq!(text, format!("the header `Host` names `{rebound}`"));
    ask(&[("Host", "127.0.0.1:1")]).refused(403);
    ask(&[
        ("Host", "127.0.0.1"),
        ("Host", &format!("127.0.0.1:{port}")),
    ])
    .refused(403);
    // Nor may it do anything, or see the page.
    let answer = request(
        port,
        "POST",
        &server.path("/kill"),
        &[("Origin", "http://evil.example")],
        "",
    );
    answer.refused(403);
    request(port, "GET", "/", &[("Host", &rebound)], "").refused(403);
    assert_eq!(server.get("").expect(200)["state"], "running");
    server.end();
}

#[test]
fn a_token_is_required_of_all_but_the_page() {
    let server = Probe::new().serve_soon(&["--token", "s3cret+"]);
    let port = server.port;
    let ask = |path: &str, headers: &[(&str, &str)]| request(port, "GET", path, headers, "");

    assert_eq!(server.line["token"], "s3cret+");
    let (code, _) = ask("/api", &[]).refused(401);
    assert_eq!(code, "unauthorized");
    ask("/api", &[("Authorization", "Bearer s3cret")]).refused(401);
    ask("/api?token=x", &[]).refused(401);
    let header = [("Authorization", "Bearer s3cret+")];
    assert_eq!(ask("/api", &header).status, 200);
    assert_eq!(ask("/api?token=s3cret%2B", &[]).status, 200);
    assert_eq!(ask("/", &[]).status, 200);
    let events = server.path("/events?token=s3cret%2B");
    Stream::open(port, &events, &[]).wait("plugin", |data| data["state"] == "running");
    server.end();
}

#[test]
fn other_machines_need_a_random_token() {
    let server = Probe::new().serve_soon(&["--listen", "0.0.0.0"]);
    let port = server.port;

    let token = server.line["token"].as_str().unwrap();

    assert_eq!(token.len(), 32);
    request(port, "GET", "/api", &[], "").refused(401);
    let path = format!("/api?token={token}");
    assert_eq!(request(port, "GET", &path, &[], "").status, 200);
    let host = [("Host", &*format!("evil.example:{port}"))];
    request(port, "GET", &path, &host, "").refused(403);
    server.end();
}

#[test]
fn an_empty_token_is_refused() {
    for token in ["", "a b", "\u{fc}"] {
        let given = ["--listen", "0.0.0.0", "--port", "0", "--token", token];
        let output = Probe::new().command(&given).output().unwrap();

        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("'--token <TOKEN>'"), "{said}");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let server = Probe::new().serve(&[]);
    server.start_sink(json!({}));
    let path = format!("/instances/{}/rows", server.sink());

    let (code, text) = server
        .post(&path, json!({"text": "x".repeat(9 << 20)}))
        .refused(413);
    let fits = server
        .post(&path, json!({"text": "x".repeat(7 << 20)}))
        .expect(200);

    assert_eq!(code, "too-large");
    assert_eq!(text, "the body has more than 8 MiB");
    assert_eq!(fits, json!({"sent": 1}));
    server.end();
}

#[test]
fn connections_that_say_nothing_make_room_for_others() {
    const MOST: usize = 256;
    let server = Probe::new().serve(&[]);

    let held: Vec<_> = (0..MOST)
        .map(|number| {
            let mut client = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
            if number % 2 == 0 {
                client.write_all(b"GET /api HTTP/1.1\r\nHost: ").unwrap();
            }
            client
        })
        .collect();

    assert_eq!(server.get("").expect(200)["state"], "running");
    drop(held);
    server.end();
}

#[test]
fn a_body_that_does_not_arrive_is_refused() {
    let server = Probe::new().serve(&[]);
    let mut client = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let (port, path) = (server.port, server.path("/start"));

    write!(
        client,
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 9\r\n\r\n{{"
    )
    .unwrap();
    let mut answer = String::new();
    let _ = client.read_to_string(&mut answer);

    let first = answer.lines().next();
    assert_eq!(first, Some("HTTP/1.1 408 Request Timeout"), "{answer}");
    let text = "\"text\":\"the body has not arrived within 10s\"";
    assert!(answer.contains(text), "{answer}");
    server.end();
}

#[test]
fn what_is_not_json_or_not_allowed_is_refused() {
    let server = Probe::new().serve(&[]);
    let path = server.path("/start");

    let (_, text) = request(server.port, "POST", &path, &[], "{").refused(400);
    let (code, method) = request(server.port, "DELETE", &path, &[], "").refused(405);
    let (_, number) = server.get("/wire?max=many").refused(400);
    let (_, not_text) = server.get("/instances/%ff").refused(400);
    let (_, twice) = server.post("/faults", json!({"fault": 7})).refused(400);

    assert!(text.starts_with("the body is not JSON: "), "{text}");
    assert_eq!(code, "method");
    assert_eq!(method, format!("{path} has no method DELETE"));
    assert_eq!(number, "`max` must be a number, got `many`");
    let shown = format!("the path `{}` is not UTF-8", server.path("/instances/%ff"));
    assert_eq!(not_text, shown);
    assert_eq!(twice, "`fault` must be a text, got `7`");
    server.end();
}
