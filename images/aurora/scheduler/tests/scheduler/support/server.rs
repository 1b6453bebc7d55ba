//! A leading scheduler's HTTP server on a port of its own, with a fake Mesos behind it.

use std::sync::Arc;
use std::time::Duration;

use aurora_api::envelope::{decode_reply, encode_call};
use aurora_api::{Call, Protocol, Response, ServerInfo};
use aurora_scheduler::backup::Backups;
use aurora_scheduler::discovery::{Endpoint, Group};
use aurora_scheduler::engine::{Engine, Lifecycle, now_ms};
use aurora_scheduler::flags::{Configuration, Request, Values};
use aurora_scheduler::http::{App, router};
use aurora_scheduler::model::{Model, Stored};
use aurora_scheduler::outside::coordinator::ask_all;
use aurora_scheduler::outside::webhook::Teller;
use aurora_scheduler::store::{Epoch, Store};
use mesos_driver::scheduler::CallSender;
use mesos_proto::v1_scheduler::Call as MesosCall;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) engine: Arc<Engine>,
    pub(crate) app: Arc<App>,
    pub(crate) endpoint: Endpoint,
    pub(crate) group: watch::Sender<Group>,
    pub(crate) mesos: mpsc::UnboundedReceiver<MesosCall>,
    client: reqwest::Client,
    pub(crate) folder: tempfile::TempDir,
}

fn configuration(more: &[String]) -> Configuration {
    let flags = [
        "-cluster_name=test",
        "-hostname=127.0.0.1",
        "-zk_endpoints=127.0.0.1:1",
        "-serverset_path=/aurora/scheduler",
        "-mesos_master_address=127.0.0.1:2",
    ];
    let mut flags: Vec<String> = flags.iter().map(|flag| flag.to_string()).collect();
    flags.extend_from_slice(more);
    match Values::parse(&flags).unwrap() {
        Request::Run(values) => Configuration::new(&values).unwrap(),
        Request::Help => panic!("no help was asked for"),
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server whose scheduler is given more flags.
    pub(crate) async fn with(flags: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = configuration(flags);
        let mut store = Store::open(folder.path()).unwrap();
        let stored: Stored = store.take_over(Epoch { era: 1, zxid: 1 }, "test").unwrap();
        let model = Model::new(configuration.model.clone(), stored, 1, now_ms());
        let backups = Backups {
            folder: Some(folder.path().join("backups")),
            keep: 48,
        };
        let engine = Arc::new(Engine::new(backups));
        engine.lead(model, store, configuration.launcher.clone());
        let (calls, mesos) = CallSender::detached();
        engine.connect(calls);
        engine.command(|model| model.registered("F")).unwrap();
        engine.enter(Lifecycle::Active);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint {
            host: "127.0.0.1".to_string(),
            port: listener.local_addr().unwrap().port(),
        };
        let (group, receiver) = watch::channel(vec![endpoint.clone()]);
        let server_info = ServerInfo {
            cluster_name: "test".to_string(),
            stats_url_prefix: String::new(),
        };
        let cors = Some("*".to_string());
        if let Some(webhook) = &configuration.webhook {
            engine.tell(Teller::start(webhook).unwrap());
        }
        tokio::spawn(ask_all(
            Arc::clone(&engine),
            engine.asks().expect("nobody else asks"),
            configuration.coordinator_timeout,
            configuration.parallel_coordinators,
        ));
        let mut app = App::new(
            Arc::clone(&engine),
            server_info,
            endpoint.clone(),
            receiver,
            cors,
            Duration::from_secs(3600),
        );
        app.security.clone_from(&configuration.security);
        app.teller = engine.teller().cloned();
        let app = Arc::new(app);
        let timers = Arc::clone(&engine);
        tokio::spawn(async move { timers.run_timers().await });
        let served = router(Arc::clone(&app));
        tokio::spawn(async move { axum::serve(listener, served).await });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            url: format!("http://{endpoint}"),
            engine,
            app,
            endpoint,
            group,
            mesos,
            client,
            folder,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self
            .client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Sends a message as it is, in TBINARY or TJSON, and reads the answer to `call`.
    pub(crate) async fn send(&self, protocol: Protocol, call: &Call, body: Vec<u8>) -> Response {
        let media = match protocol {
            Protocol::Binary => "application/vnd.apache.thrift.binary",
            Protocol::Json => "application/vnd.apache.thrift.json",
        };
        let request = self.request(reqwest::Method::POST, "/api");
        let request = request
            .header("Content-Type", media)
            .header("Accept", media)
            .body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["Content-Type"], media);
        decode_reply(protocol, call, &response.bytes().await.unwrap()).unwrap()
    }

    pub(crate) async fn call(&self, protocol: Protocol, call: &Call) -> Response {
        let body = encode_call(protocol, 0, call).unwrap();
        self.send(protocol, call, body).await
    }
}
