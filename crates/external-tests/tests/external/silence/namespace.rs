//! A device behind a router that can discard packets without a sign, in network namespaces of its own.
//!
//! ```text
//! this machine ── outer [router] inner ── eth0 [device]
//!    service                                 device
//! ```

use std::{
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    process::{self, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::process::Command;

use crate::support::installed;

/// The name of the service in the device's namespace.
pub(super) const NAME: &str = "dps.test";

/// 198.18.0.0/15 is for tests of networks (RFC 2544), so it is not that of a network of this machine.
const FIRST_ADDRESS: u32 = 0xC612_0000;
/// Each network has two subnets of eight addresses.
const ADDRESSES: u32 = 16;
/// Networks of one process; other processes have others.
const NETWORKS: u32 = 64;
const PROCESSES: u32 = 0x2_0000 / ADDRESSES / NETWORKS;

/// The folder with the files that a namespace has instead of those in `/etc`.
const NAMESPACE_FILES: &str = "/etc/netns";

/// IPv6 addresses of the device and of a silent host on its link, from the range for documentation (RFC 3849).
const DEVICE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
const SILENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// Two namespaces and the links between them and this machine. They are removed when this is dropped.
pub(super) struct Network {
    device: String,
    router: String,
    outer: String,
    base: u32,
}

/// Packets that the router discards: those to, and those from, a port.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flow {
    /// The packets of this port of the service.
    ServicePort(u16),
    /// The packets of the connection that has this port of the device.
    DevicePort(u16),
}

impl Network {
    /// Makes a network in which every packet arrives.
    ///
    /// # Panics
    /// There is no program `ip`, or this process may not make namespaces.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (process::id(), NEXT.fetch_add(1, Ordering::Relaxed) % NETWORKS);
        let network = Self {
            device: format!("device-{process}-{number}"),
            router: format!("router-{process}-{number}"),
            // The name of a link has at most 15 characters.
            outer: format!("dps{process}-{number}"),
            base: FIRST_ADDRESS + (process % PROCESSES * NETWORKS + number) * ADDRESSES,
        };
        network.connect();
        network.resolve_to(&[network.service()]);
        network
    }

    fn connect(&self) {
        let Self {
            device, router, outer, ..
        } = self;
        let (service, [silent, other]) = (self.service(), self.silent());
        let (router_outside, router_inside) = (self.address(6), self.address(14));
        let (device_subnet, device_address) = (self.address(8), self.address(9));
        ip(&[], &format!("netns add {router}\nnetns add {device}\n"));
        ip(
            &[],
            &format!(
                "link add {outer} type veth peer name outer netns {router}\n\
                 address add {service}/29 dev {outer}\n\
                 link set {outer} up\n"
            ),
        );
        ip(
            &["-n", router],
            &format!(
                "link add inner type veth peer name eth0 netns {device}\n\
                 address add {router_outside}/29 dev outer\n\
                 address add {router_inside}/29 dev inner\n\
                 link set outer up\n\
                 link set inner up\n\
                 rule add to {silent} blackhole\n\
                 rule add to {other} blackhole\n"
            ),
        );
        ip(
            &["-n", device],
            &format!("address add {device_address}/29 dev eth0\nlink set lo up\n"),
        );
        self.plug_in();
        ip(
            &[],
            &format!("route add {device_subnet}/29 via {router_outside} dev {outer}\n"),
        );
        let mut forward = installed(&["ip"], "iproute2").into_std();
        forward.args(["netns", "exec", router, "sh", "-c"]);
        forward.arg("echo 1 > /proc/sys/net/ipv4/ip_forward");
        assert!(
            forward.status().is_ok_and(|status| status.success()),
            "{forward:?} failed"
        );
    }

    /// The address of this machine, where the service listens.
    pub(super) fn service(&self) -> IpAddr {
        self.address(1)
    }

    /// Addresses to which the router discards every packet.
    pub(super) fn silent(&self) -> [IpAddr; 2] {
        [self.address(2), self.address(3)]
    }

    /// An IPv6 address whose packets no host receives: its neighbour entry has a link address that does not exist.
    pub(super) fn silent_v6(&self) -> IpAddr {
        ip(
            &["-n", &self.device],
            &format!(
                "address add {DEVICE_V6}/64 dev eth0 nodad\n\
                 neighbour replace {SILENT_V6} lladdr 02:00:00:00:00:01 dev eth0 nud permanent\n"
            ),
        );
        SILENT_V6.into()
    }

    fn address(&self, number: u32) -> IpAddr {
        Ipv4Addr::from_bits(self.base + number).into()
    }

    /// Gives [`NAME`] these addresses, in this order.
    pub(super) fn resolve_to(&self, addresses: &[IpAddr]) {
        let lines: String = addresses.iter().map(|address| format!("{address} {NAME}\n")).collect();
        let _lock = lock_namespace_files();
        fs::create_dir_all(self.files()).expect("a folder below /etc");
        fs::write(self.files().join("hosts"), lines).expect("a file below /etc");
    }

    /// Gives the device this DNS server. The files of the namespace are read when a program starts in it.
    pub(super) fn use_dns_server(&self, address: IpAddr) {
        let _lock = lock_namespace_files();
        fs::create_dir_all(self.files()).expect("a folder below /etc");
        fs::write(self.files().join("resolv.conf"), format!("nameserver {address}\n")).expect("a file below /etc");
    }

    fn files(&self) -> PathBuf {
        Path::new(NAMESPACE_FILES).join(&self.device)
    }

    /// The same command for the device's namespace.
    pub(super) fn inside(&self, command: &Command) -> Command {
        let command = command.as_std();
        let mut inside = installed(&["ip"], "iproute2");
        inside.args(["netns", "exec", &self.device]);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Discards these packets from now on, without a reset and without ICMP.
    pub(super) fn discard(&self, flow: Flow) {
        self.change_rules("add", flow);
    }

    /// Forwards them again.
    pub(super) fn forward(&self, flow: Flow) {
        self.change_rules("delete", flow);
    }

    fn change_rules(&self, verb: &str, flow: Flow) {
        let (there, back, port) = match flow {
            Flow::ServicePort(port) => ("dport", "sport", port),
            Flow::DevicePort(port) => ("sport", "dport", port),
        };
        let rule = |iif, side| format!("rule {verb} iif {iif} ipproto tcp {side} {port} blackhole\n");
        ip(&["-n", &self.router], &(rule("inner", there) + &rule("outer", back)));
    }

    /// From now on, discards packets that are larger than this, and sends no ICMP about it.
    pub(super) fn limit_packets(&self, to: Direction, size: u16) {
        let (subnet, link) = match to {
            Direction::Service => (self.address(0), "outer"),
            Direction::Device => (self.address(8), "inner"),
        };
        ip(
            &["-n", &self.router],
            &format!("rule add ipproto icmp blackhole\nroute replace {subnet}/29 dev {link} mtu lock {size}\n"),
        );
    }

    /// Takes the device's link down: it has no route to anywhere.
    pub(super) fn unplug(&self) {
        ip(&["-n", &self.device], "link set eth0 down\n");
    }

    /// Brings the link up again.
    pub(super) fn plug_in(&self) {
        let router = self.address(14);
        ip(
            &["-n", &self.device],
            &format!("link set eth0 up\nroute add default via {router}\n"),
        );
    }
}

/// The direction of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Service,
    Device,
}

impl Drop for Network {
    /// Removes the network. Leftovers fail no other test: each network has its own names.
    fn drop(&mut self) {
        let names = [
            ["link", "delete", &self.outer],
            ["netns", "delete", &self.device],
            ["netns", "delete", &self.router],
        ];
        for words in names {
            let mut ip = process::Command::new("ip");
            let _ = ip.args(words).stderr(Stdio::null()).status();
        }
        let _lock = lock_namespace_files();
        let _ = fs::remove_dir_all(self.files());
        // Only if it is empty.
        let _ = fs::remove_dir(NAMESPACE_FILES);
    }
}

/// Keeps one test from removing the folder of all namespaces while another uses it.
fn lock_namespace_files() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs these lines, each a command of `ip`.
fn ip(words: &[&str], lines: &str) {
    let mut ip = installed(&["ip"], "iproute2").into_std();
    ip.args(words).args(["-batch", "-"]);
    ip.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = ip.spawn().expect("ip is installed");
    let mut stdin = running.stdin.take().expect("a pipe");
    stdin.write_all(lines.as_bytes()).expect("ip reads its commands");
    drop(stdin);
    let output = running.wait_with_output().expect("an exit status");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "run as root. `ip` failed: {stderr}\n{lines}");
}
