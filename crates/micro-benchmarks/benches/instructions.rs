//! Counts instructions with Valgrind. `cargo xtask counts` compares them.

#[cfg(target_os = "linux")]
mod linux {
    use std::hint::black_box;

    use gungraun::{library_benchmark, library_benchmark_group};
    use provisioning_client::{Input, Policy, Step};
    use provisioning_mqtt::protocol::ResponseTopic;
    use provisioning_types::Response;

    use crate::workloads::{self, Echo, InMemory};

    #[library_benchmark]
    #[bench::it(workloads::TOPIC)]
    fn topic(topic: &'static str) -> Option<ResponseTopic<'static>> {
        workloads::topic(black_box(topic))
    }

    #[library_benchmark]
    #[bench::it(workloads::ASSIGNED)]
    fn response(body: &[u8]) -> Response {
        workloads::response(black_box(body))
    }

    #[library_benchmark]
    #[bench::it(workloads::inputs())]
    fn machine(inputs: (Vec<Input>, Policy)) -> Vec<Step> {
        workloads::machine(black_box(inputs))
    }

    #[library_benchmark]
    #[bench::it(InMemory::warm())]
    fn registration(client: InMemory) -> InMemory {
        black_box(client.register());
        client
    }

    #[library_benchmark]
    #[bench::it(Echo::open())]
    fn websocket(mut echo: Echo) -> Echo {
        echo.exchange();
        echo
    }

    library_benchmark_group!(
        name = parts;
        benchmarks = topic, response, machine, registration, websocket
    );
}

#[cfg(target_os = "linux")]
mod workloads;

#[cfg(target_os = "linux")]
use linux::parts;

#[cfg(target_os = "linux")]
gungraun::main!(library_benchmark_groups = parts);

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("instructions are counted on Linux only");
}
