//! The daemon's API as strangers use it: what its document promises is there, and bad requests get clear answers.

use crate::house::House;
use serde_json::Value;
use std::io::{Read, Write};

fn socket(house: &House) -> String {
    house.status()["sessions"][0]["tmux"]["socket"].as_str().expect("a socket").replace("tmux.sock", "api.sock")
}

/// Asks the daemon of a house; gives the status code and the body as JSON (null when it is none).
async fn ask(house: &House, method: &str, path: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    // The library wants one even where no TLS is spoken; one that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().unix_socket(socket(house)).no_proxy().build().expect("a client");
    let method = reqwest::Method::from_bytes(method.to_ascii_uppercase().as_bytes()).expect("a method");
    let request = client.request(method, format!("http://nightkeep{path}")).header("content-type", kind).body(body);
    let answer = request.timeout(std::time::Duration::from_secs(10)).send().await.expect("an answer");
    assert_eq!(answer.headers()["x-nightkeep-version"], env!("CARGO_PKG_VERSION"), "{path}");
    let status = answer.status().as_u16();
    if answer.headers()["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/event-stream")) {
        return (status, Value::Null);
    }
    (status, serde_json::from_slice(&answer.bytes().await.expect("a body")).unwrap_or(Value::Null))
}

fn with_a_daemon(work: impl AsyncFnOnce(&House)) {
    let house = House::new("[sessions.one]\ncommand = 'sleep 600'\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work(&house));
    assert_eq!(house.session("one")["state"], "running", "nothing of it did any harm");
}

#[test]
fn every_route_of_the_document_is_served() {
    with_a_daemon(async |house| {
        let (status, document) = ask(house, "get", "/v1/openapi.json", "", Vec::new()).await;
        assert_eq!(status, 200);
        let mut routes = 0;
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for method in methods.as_object().expect("methods").keys() {
                if path == "/v1/down" {
                    continue;
                }
                let path = path.replace("{name}", "nobody");
                let (status, body) = ask(house, method, &path, "application/json", b"{".to_vec()).await;
                let known = status == 200 || body["error"].is_string();
                assert!(known, "{method} {path}: {status} {body}");
                routes += 1;
            }
        }
        assert!(routes >= 10, "{routes}");
    });
}

#[test]
fn bad_requests_get_a_refusal_with_words() {
    with_a_daemon(async |house| {
        let json = "application/json";
        let deep = "[".repeat(10_000).into_bytes();
        for (method, path, kind, body, expected) in [
            ("get", "/v1/nothing", json, Vec::new(), 404),
            ("delete", "/v1/status", json, Vec::new(), 405),
            ("post", "/v1/up", json, b"{\"sessions\":[\"nobody\"]}".to_vec(), 404),
            ("post", "/v1/up", json, b"{\"sessions\":[\"../x\"]}".to_vec(), 400),
            ("post", "/v1/up", json, b"{\"sessions\":".to_vec(), 400),
            ("post", "/v1/up", json, deep, 422),
            ("post", "/v1/up", "text/plain", b"{}".to_vec(), 415),
            ("post", "/v1/sessions/one/verb", json, b"{\"verb\":\"explode\"}".to_vec(), 422),
            ("post", "/v1/sessions/..%2fone/verb", json, b"{\"verb\":\"stop\"}".to_vec(), 404),
            ("post", "/v1/sessions/one%1b%5d52/verb", json, b"{\"verb\":\"stop\"}".to_vec(), 404),
            ("post", "/v1/sessions/one/send", json, b"{}".to_vec(), 400),
            ("post", "/v1/dead/retry", json, b"{}".to_vec(), 400),
        ] {
            let (status, answer) = ask(house, method, path, kind, body).await;
            assert_eq!(status, expected, "{method} {path}: {answer}");
            let error = answer["error"].as_str().unwrap_or_else(|| panic!("{method} {path}: no words in {answer}"));
            assert!(!error.contains('\u{1b}') && error.len() < 500, "{error:?}");
        }
    });
}

#[test]
fn a_large_body_is_refused_before_all_of_it_is_read() {
    with_a_daemon(async |house| {
        let mut stream = std::os::unix::net::UnixStream::connect(socket(house)).expect("a connection");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("a limit");
        let head = "POST /v1/sessions/one/verb HTTP/1.1\r\nhost: nightkeep\r\ncontent-type: application/json\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n", 2 << 20).expect("a request");
        // The daemon hangs up while we write.
        let _ = stream.write_all(&vec![b' '; 2 << 20]);
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 413");
    });
}
