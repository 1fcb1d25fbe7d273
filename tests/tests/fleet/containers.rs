//! Checks the container files as far as this is possible without a container engine: they match each other, and the
//! programs accept the settings in them.

use std::{collections::BTreeMap, fs, net::Ipv4Addr, path::Path};

use serde_yaml_ng::{Mapping, Value};

use crate::programs::program;

fn deploy(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("deploy").join(name)).unwrap()
}

/// Returns the compose file with its merge keys applied.
fn compose() -> Value {
    let mut compose: Value = serde_yaml_ng::from_str(&deploy("compose.yaml")).unwrap();
    compose.apply_merge().unwrap();
    compose
}

fn services(compose: &Value) -> BTreeMap<String, &Mapping> {
    let services = compose["services"].as_mapping().unwrap().iter();
    services.map(|(name, service)| (text(name), service.as_mapping().unwrap())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value:?} is no text")).to_owned()
}

/// Returns the stages of the Dockerfile with their instructions. A continued line is one instruction.
fn stages() -> BTreeMap<String, Vec<String>> {
    let whole = deploy("docker/Dockerfile");
    let lines: Vec<_> = whole.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let mut stages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in lines.join("\n").replace("\\\n", " ").lines().filter(|line| !line.is_empty()) {
        if line.starts_with("FROM ") {
            let (_, stage) = line.split_once(" AS ").expect("every stage has a name");
            stage.clone_into(&mut name);
        }
        stages.entry(name.clone()).or_default().push(line.to_owned());
    }
    stages
}

fn environment(service: &Mapping) -> BTreeMap<String, String> {
    let Some(given) = service.get("environment").and_then(Value::as_mapping) else { return BTreeMap::new() };
    let password = |value: String| match value.split_once("${POSTGRES_PASSWORD:?") {
        Some((before, rest)) => format!("{before}secret{}", rest.split_once('}').unwrap().1),
        None => value,
    };
    given.iter().map(|(key, value)| (text(key), password(text(value)))).collect()
}

#[test]
fn images_are_small_and_run_as_nobody_in_particular() {
    let stages = stages();
    assert_eq!(stages.keys().collect::<Vec<_>>(), ["build", "master", "worker"]);
    for (name, port) in [("master", "8000"), ("worker", "8001")] {
        let lines = &stages[name];
        let has = |start: &str| lines.iter().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
        assert_eq!(has("USER "), ["USER 10001"], "{name}");
        assert!(lines[0].contains("-slim"), "{name}");
        assert!(has("COPY ").iter().all(|copy| copy.starts_with("COPY --from=build /programs/")), "{name}");
        assert!(has("HEALTHCHECK ")[0].contains(&format!("127.0.0.1:{port}/healthz")), "{name}");
        assert_eq!(has("CMD "), [&format!("CMD [\"easysight-{name}\"]")]);
        let installs = &has("RUN ")[0];
        assert!(installs.contains("curl"), "{name}: the health check needs curl");
        assert_eq!(installs.contains("ffmpeg"), name == "worker");
    }
    // Folders that the build needs are not ignored.
    let ignored = deploy("docker/Dockerfile.dockerignore");
    assert!(ignored.lines().all(|line| !["host", "xtask", "tests", "bench", "sdk"].contains(&line)));
}

#[test]
fn services_refer_to_what_is_there() {
    let (compose, stages) = (compose(), stages());
    let services = services(&compose);
    let volumes = compose["volumes"].as_mapping().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy");
    for (name, service) in &services {
        match (service.get("build"), service.get("image")) {
            (Some(build), None) => {
                assert!(stages.contains_key(&text(&build["target"])), "{name}");
                let context = root.join(text(&build["context"]));
                assert!(context.join(text(&build["dockerfile"])).is_file(), "{name}");
            }
            (None, Some(image)) => assert!(text(image).contains(':'), "{name}: the image has no version"),
            _ => panic!("{name}: needs either `image` or `build`"),
        }
        for volume in service.get("volumes").and_then(Value::as_sequence).into_iter().flatten() {
            let volume = text(volume);
            let source = volume.split(':').next().unwrap();
            let there = if source.starts_with('.') {
                root.join(source).is_file()
            } else {
                volumes.contains_key(source)
            };
            assert!(there, "{name}: {volume}");
        }
        for (other, how) in service.get("depends_on").and_then(Value::as_mapping).into_iter().flatten() {
            let other = text(other);
            let found = services.get(&other).unwrap_or_else(|| panic!("{name} waits for {other}"));
            if how["condition"] == "service_healthy" {
                let built = found.get("build").map(|build| &stages[&text(&build["target"])]);
                let by_image =
                    built.is_some_and(|lines| lines.iter().any(|line| line.starts_with("HEALTHCHECK ")));
                assert!(by_image || found.contains_key("healthcheck"), "{other} has no health check");
            }
        }
    }
    // The sample of nginx is used unchanged, so its names must be names of services.
    let sample = deploy("nginx/masters.conf");
    let servers = sample.lines().filter_map(|line| line.trim().strip_prefix("server ")?.split(':').next());
    let servers: Vec<_> = servers.filter(|name| !name.contains('{')).collect();
    assert_eq!(servers, ["master-1", "master-2"]);
    assert!(servers.iter().all(|name| services.contains_key(*name)));
}

#[test]
fn the_programs_take_the_settings_that_they_are_given() {
    let compose = compose();
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "a-token\n").unwrap();
    for (name, service) in services(&compose) {
        let Some(build) = service.get("build") else { continue };
        let target = text(&build["target"]);
        let mut command = program(&format!("easysight-{target}"));
        let environment = environment(service);
        assert!(!environment.is_empty(), "{name}");
        for (key, value) in &environment {
            assert!(key.starts_with(&format!("{}_", target.to_uppercase())), "{name}: {key}");
            let value =
                if key.ends_with("_FILE") { token.path().display().to_string() } else { value.clone() };
            command.env(key, value);
        }
        let printed = command.arg("--print-config").output().unwrap();
        let (shown, said) =
            (String::from_utf8_lossy(&printed.stdout), String::from_utf8_lossy(&printed.stderr));
        assert!(printed.status.success() && !said.contains("warning"), "{name}: {said}");
        assert!(
            environment.keys().all(|key| shown.contains(key.trim_end_matches("_FILE"))),
            "{name}: {shown}"
        );
    }
}

/// Whoever is trusted as a proxy may claim any address of a client, and so get around the delays after failed sign-ins.
#[test]
fn masters_trust_the_balancer_and_nobody_else_as_a_proxy() {
    let compose = compose();
    let services = services(&compose);
    let balancer = text(&services["balancer"]["networks"]["default"]["ipv4_address"]);
    for name in ["master-1", "master-2"] {
        assert_eq!(environment(services[name])["MASTER_TRUSTED_PROXIES"], balancer, "{name}");
    }
    let network = &compose["networks"]["default"]["ipam"]["config"][0];
    // Returns the numbers of the first and the last address.
    let of = |key: &str| {
        let network = text(&network[key]);
        let (first, bits) = network.split_once('/').unwrap();
        let first = u32::from(first.parse::<Ipv4Addr>().unwrap());
        first..=first + (u32::MAX >> bits.parse::<u32>().unwrap())
    };
    let (subnet, given_out) = (of("subnet"), of("ip_range"));
    let address = u32::from(balancer.parse::<Ipv4Addr>().unwrap());
    assert!(
        subnet.contains(&address) && subnet.contains(given_out.start()) && subnet.contains(given_out.end())
    );
    assert!(!given_out.contains(&address), "another service could get the address");
    assert!(services.iter().all(|(name, one)| name == "balancer" || one.get("networks").is_none()));
}

#[test]
fn the_workers_token_is_made_once() {
    let compose = compose();
    let services = services(&compose);
    let command: Vec<_> = services["tokens"]["command"].as_sequence().unwrap().iter().map(text).collect();
    assert_eq!(command[..2], ["sh", "-euc"]);
    let dir = tempfile::tempdir().unwrap();
    let tokens = dir.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    let script = command[2].replace("/tokens", &tokens.display().to_string());
    let bin = program("easysight-master");
    let bin = Path::new(bin.get_program()).parent().unwrap().to_owned();
    let run = || {
        let mut sh = std::process::Command::new("sh");
        sh.args(["-euc", &script]).env("MASTER_DATA_DIR", dir.path().join("data"));
        let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
        sh.env("PATH", format!("{}:{path}", bin.display()));
        let output = sh.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(tokens.join("worker")).unwrap()
    };
    let made = run();
    assert!(made.trim().len() > 20, "{made}");
    assert_eq!(run(), made);
    assert_eq!(fs::read_dir(&tokens).unwrap().count(), 1);
}
