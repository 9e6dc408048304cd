//! Traces, in a build that has them: a collector is sent the span of a request, on the trace that the client began.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Takes requests as a collector does, and hands their paths and bodies on.
fn collect(listener: &TcpListener, taken: &Sender<(String, Vec<u8>)>) {
    for stream in listener.incoming() {
        let mut stream = BufReader::new(stream.unwrap());
        let (mut head, mut length) = (String::new(), 0);
        stream.read_line(&mut head).unwrap();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        if taken.send((head, body)).is_err() {
            return;
        }
    }
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_request_is_a_span_on_the_trace_of_the_client() {
    let folder = tempfile::tempdir().unwrap();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (sender, taken)) = (collector.local_addr().unwrap(), channel());
    std::thread::spawn(move || collect(&collector, &sender));
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_handoff"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "error", "--traces", &format!("http://{address}")])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(gateway.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listening = line.split(' ').find_map(|word| word.strip_prefix("http://")).unwrap().to_owned();

    let mut client = TcpStream::connect(&listening).unwrap();
    let request = "GET /fhir/Patient/jane-doe HTTP/1.1\r\nhost: gateway.example\r\nconnection: close\r\n\
                   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");

    let (head, body) = taken.recv_timeout(Duration::from_secs(60)).unwrap();
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    assert!(head.starts_with("POST /v1/traces "), "{head}");
    let trace = [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c];
    for part in [&trace[..], &[0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31], b"handoff", b"GET /fhir/{type}/{id}"] {
        assert!(holds(&body, part), "{part:?} is not in {}", String::from_utf8_lossy(&body));
    }
    assert!(!holds(&body, b"jane-doe"), "a path may name a person");
}
