//! Reports to the journal how a connection is made: the addresses of a name, and the result of connecting.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use reqwest::{
    ClientBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::net::lookup_host;
use tower::{Layer, Service};

use crate::journal::{Journal, StepKind};

/// Makes a client report its connections to the journal. If the journal has no listener, the client is unchanged.
pub(super) fn watched(builder: ClientBuilder, journal: &Journal) -> ClientBuilder {
    if !journal.listens() {
        return builder;
    }
    builder.dns_resolver(Told(journal.clone())).connector_layer(Told(journal.clone()))
}

/// Reports name resolution and connections to the journal.
#[derive(Debug, Clone)]
struct Told(Journal);

impl Resolve for Told {
    fn resolve(&self, name: Name) -> Resolving {
        let journal = self.0.clone();
        Box::pin(async move {
            let found = lookup_host((name.as_str(), 0)).await.map(Iterator::collect::<Vec<SocketAddr>>);
            journal.write(StepKind::Resolve, || {
                let answer = match &found {
                    Ok(found) => found.iter().map(|one| one.ip().to_string()).collect::<Vec<_>>().join(", "),
                    Err(error) => error.to_string(),
                };
                (name.as_str().to_owned(), answer)
            });
            Ok(Box::new(found?.into_iter()) as Addrs)
        })
    }
}

impl<S> Layer<S> for Told {
    type Service = Connector<S>;

    fn layer(&self, connector: S) -> Connector<S> {
        Connector { connector, journal: self.0.clone() }
    }
}

/// A service that connects, and reports the result to the journal.
#[derive(Debug, Clone)]
struct Connector<S> {
    connector: S,
    journal: Journal,
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Future: Send + 'static, Error: ToString>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let (journal, connecting) = (self.journal.clone(), self.connector.call(to));
        Box::pin(async move {
            let connected = connecting.await;
            journal.write(StepKind::Connect, || {
                let answer = connected.as_ref().map_or_else(ToString::to_string, |_| "connected".to_owned());
                (String::new(), answer)
            });
            connected
        })
    }
}
