//! Measures the costs of dispatch with a real master, a real database, and simulated nodes, which use the protocol
//! but capture nothing. `cargo xtask bench dispatch` builds all parts with optimisation.

mod load;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use easysight_bench::{
    findings, percentile,
    server::{Database, Master},
    table::{self, Row},
};

use load::{Fleet, Outcome};

/// Measures how fast a master dispatches jobs.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program of the master.
    #[arg(long, value_name = "FILE")]
    master: PathBuf,
    /// The directory of the standard plugins, compiled to components.
    #[arg(long, value_name = "DIR")]
    plugins_dir: PathBuf,
    /// The PostgreSQL server on which a database is created. Without a server, only SQLite is measured.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// The number of jobs in the run whose speed is measured.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    jobs: usize,
    /// The number of submissions whose latency is measured.
    #[arg(long, value_name = "N", default_value_t = 300)]
    submissions: usize,
    /// The time in seconds for which jobs run while another session keeps a transaction open, so that PostgreSQL cannot
    /// remove old rows. Before that, jobs run for the same time without it. Only for PostgreSQL; 0 skips this
    /// measurement.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    snapshot: u64,
    /// The number of nodes that are simulated at the end.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    nodes: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    easysight_bench::start(run)
}

async fn run() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut rows = Vec::new();
    let real = findings::of_all(&arguments.plugins_dir).await?;
    measure(&arguments, Database::Sqlite, &real, &mut rows).await?;
    if let Some(server) = &arguments.postgres {
        measure(&arguments, Database::Postgres(server.clone()), &real, &mut rows).await?;
    }
    println!("{}", table::render(&rows));
    Ok(ExitCode::SUCCESS)
}

async fn measure(
    arguments: &Arguments,
    database: Database,
    real: &serde_json::Value,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let name = database.name();
    eprintln!("{name}: starting a master");
    let master = Master::start(&arguments.master, database.create().await?).await?;
    let mut fleet = Fleet::new(&master, &arguments.plugins_dir).await?;
    fleet.prepare(arguments.jobs).await?;

    eprintln!("{name}: {} jobs end to end", arguments.jobs);
    let nothing = Outcome::of_nothing();
    // The first run is not measured: tables and caches are still empty.
    fleet.throughput(arguments.jobs, &nothing).await?;
    let speed = fleet.throughput(arguments.jobs, &nothing).await?;
    rows.push(Row::at_least(&format!("{name}: jobs end to end"), speed, "jobs/s", 8_000.0));

    let count = real.as_array().map_or(0, Vec::len);
    let full = Outcome::of(real);
    eprintln!("{name}: {} jobs with {count} findings, {} bytes each", arguments.jobs, full.bytes());
    let speed = fleet.throughput(arguments.jobs, &full).await?;
    rows.push(Row::at_least(&format!("{name}: jobs with {count} real findings"), speed, "jobs/s", 1_500.0));

    eprintln!("{name}: {} submissions to an idle node", arguments.submissions);
    let mut times = fleet.latency(arguments.submissions).await?;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (half, most) = (percentile(&mut times, 50), percentile(&mut times, 99));
    rows.push(Row::against_mark(&format!("{name}: submit to start, p50"), milliseconds(half), "ms", 4.0));
    rows.push(Row::against_mark(&format!("{name}: submit to start, p99"), milliseconds(most), "ms", 20.0));

    eprintln!("{name}: a node dies");
    let reassigned = fleet.reassignment().await?;
    rows.push(Row::against_mark(
        &format!("{name}: dead node's job starts elsewhere"),
        reassigned.as_secs_f64(),
        "s",
        15.0,
    ));

    eprintln!("{name}: {} nodes", arguments.nodes);
    let mut times = fleet.crowd(arguments.nodes).await?;
    let most = percentile(&mut times, 99);
    let nodes = arguments.nodes;
    rows.push(Row::against_mark(
        &format!("{name}: API with {nodes} nodes, p99"),
        milliseconds(most),
        "ms",
        100.0,
    ));
    let memory = master.resident_mebibytes()?;
    rows.push(Row::against_mark(
        &format!("{name}: master's memory with {nodes} nodes"),
        memory,
        "MiB",
        286.0,
    ));

    if arguments.snapshot > 0 && matches!(database, Database::Postgres(_)) {
        // Folding and retention begin minutes after the start. So the same time is measured without the transaction
        // first: only what the transaction costs counts.
        let lasting = Duration::from_secs(arguments.snapshot);
        eprintln!("{name}: {} s without another transaction", arguments.snapshot);
        let free = fleet.endurance(arguments.jobs, &full, lasting).await?;
        let held = master.hold_snapshot().await?;
        eprintln!("{name}: {} s with another transaction open", arguments.snapshot);
        let slowed = fleet.endurance(arguments.jobs, &full, lasting).await?;
        drop(held);
        rows.push(Row::at_least(
            &format!("{name}: remaining speed after {} s with another transaction open", arguments.snapshot),
            100.0 * slowed / free,
            "%",
            90.0,
        ));
    }
    master.stop().await
}
