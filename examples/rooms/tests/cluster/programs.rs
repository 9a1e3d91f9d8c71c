//! The programs: Redis, two processes of the chat, nginx and HAProxy, each on a free port of the loopback.
//!
//! The balancers and the processes run with the files in `deploy/`; only ports and paths are replaced.

use std::{
    error::Error,
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");

/// Below those that the system gives to clients.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// How long a program may take to listen or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that can be started again.
pub struct Program {
    command: Vec<String>,
    pub port: u16,
    child: Option<Child>,
    output: PathBuf,
}

impl Program {
    /// Starts it, and waits until it listens.
    pub fn start(&mut self) -> io::Result<()> {
        let output = fs::File::options().create(true).append(true).open(&self.output)?;
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        self.child = Some(command.spawn()?);
        self.wait(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok(), "does not listen")
    }

    /// Kills it at once.
    pub fn kill(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Sends it SIGTERM, and waits until it has ended by itself.
    pub fn stop(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        Command::new("kill").arg("-TERM").arg(child.id().to_string()).status()?;
        let begin = Instant::now();
        while child.try_wait()?.is_none() {
            if begin.elapsed() > PATIENCE {
                child.kill()?;
                return Err(io::Error::other(format!("{} does not stop", self.command[0])));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn wait(&self, is_ready: impl Fn(u16) -> bool, otherwise: &str) -> io::Result<()> {
        let begin = Instant::now();
        while !is_ready(self.port) {
            if begin.elapsed() > PATIENCE {
                let said = fs::read_to_string(&self.output).unwrap_or_default();
                return Err(io::Error::other(format!("{} {otherwise}: {said}", self.command.join(" "))));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.kill();
    }
}

/// All programs. Dropping it ends them.
pub struct Cluster {
    nginx: Program,
    haproxy: Program,
    pub processes: [Program; 2],
    pub redis: Program,
    /// Their files.
    folder: PathBuf,
}

impl Cluster {
    /// Starts all, and waits until both balancers find both processes.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join(format!("statesocket-rooms-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        println!("the logs are in {} until all has passed", folder.display());
        let [redis, a, b, nginx, haproxy] = free_ports()?;
        let program = |name: &str, port: u16, command: Vec<String>| Program {
            command,
            port,
            child: None,
            output: folder.join(format!("{name}.{port}.log")),
        };
        let of_redis = format!(
            "redis-server --port {redis} --bind 127.0.0.1 --dir {} --appendonly yes --appendfsync always --save",
            folder.display()
        );
        let mut of_redis: Vec<_> = of_redis.split(' ').map(str::to_owned).collect();
        of_redis.push(String::new());
        let unit = unit(&folder, redis)?;
        let processes = [a, b].map(|port| {
            let command = unit.replace("%i", &port.to_string());
            program("rooms", port, command.split(' ').map(str::to_owned).collect())
        });
        let ports = [("8081", a), ("8082", b)];
        let of_nginx = of_nginx(&folder, nginx, &ports)?;
        let of_haproxy = of_haproxy(&folder, haproxy, &ports)?;
        let redis = program("redis", redis, of_redis);
        let (nginx, haproxy) = (program("nginx", nginx, of_nginx), program("haproxy", haproxy, of_haproxy));
        let mut cluster = Self { nginx, haproxy, processes, redis, folder: folder.clone() };
        cluster.redis.start()?;
        cluster.processes.iter_mut().try_for_each(Program::start)?;
        cluster.nginx.start()?;
        cluster.haproxy.start()?;
        for balancer in [&cluster.nginx, &cluster.haproxy] {
            balancer.wait(is_healthy, "finds no process")?;
        }
        Ok(cluster)
    }

    /// The ports of the balancers.
    pub const fn balancers(&self) -> [u16; 2] {
        [self.nginx.port, self.haproxy.port]
    }

    /// Stops all, each in its own way.
    pub fn stop(mut self) -> io::Result<()> {
        let Self { nginx, haproxy, processes, redis, .. } = &mut self;
        for program in [nginx, haproxy].into_iter().chain(processes).chain([redis]) {
            program.stop()?;
        }
        fs::remove_dir_all(&self.folder)
    }
}

fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut listeners = Vec::new();
    while listeners.len() < N {
        let port = rand::random_range(PORTS);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            listeners.push(listener);
        }
    }
    let ports = listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<io::Result<Vec<_>>>()?;
    Ok(ports.try_into().expect("so many"))
}

fn is_healthy(port: u16) -> bool {
    let answer = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: rooms\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        io::Result::Ok(answer)
    };
    answer().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

/// The file of `deploy/`, with other ports and paths. Each must be there.
fn deployed(name: &str, replacements: &[(&str, String)]) -> Result<String, Box<dyn Error>> {
    let mut text = fs::read_to_string(Path::new(DEPLOY).join(name))?;
    for (old, new) in replacements {
        if !text.contains(old) {
            return Err(format!("deploy/{name} does not have {old}").into());
        }
        text = text.replace(old, new);
    }
    Ok(text)
}

/// The command of the unit of systemd, in which `%i` is the port. systemd checks the unit, if it is there.
fn unit(folder: &Path, redis: u16) -> Result<String, Box<dyn Error>> {
    let program = std::env::current_exe()?.with_file_name("../statesocket-rooms").canonicalize()?;
    let replacements =
        [("/usr/local/bin/statesocket-rooms", program.display().to_string()), ("6379", redis.to_string())];
    let unit = deployed("rooms@.service", &replacements)?;
    let file = folder.join("rooms@.service");
    fs::write(&file, &unit)?;
    match Command::new("systemd-analyze").arg("verify").arg(&file).output() {
        Ok(verdict) if !verdict.status.success() => {
            return Err(format!("systemd: {}", String::from_utf8_lossy(&verdict.stderr)).into());
        }
        Ok(_) => println!("ok - systemd reads the unit"),
        Err(_) => println!("skipped - systemd is not here to read the unit"),
    }
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
    Ok(command.ok_or("the unit has no command")?.to_owned())
}

fn of_nginx(folder: &Path, port: u16, ports: &[(&str, u16); 2]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut replacements = ports.map(|(old, new)| (old, new.to_string())).to_vec();
    replacements.push(("listen 80;", format!("listen 127.0.0.1:{port};")));
    let rooms = deployed("nginx.conf", &replacements)?;
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};", folder.join(kind).display()))
        .concat();
    let around = format!(
        "daemon off; master_process off; pid {0}/nginx.pid; error_log stderr crit; events {{ worker_connections 1024; }} \
        http {{ access_log off; {temporary}\n{rooms}\n}}",
        folder.display()
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, around)?;
    Ok(["nginx", "-e", "stderr", "-p", &folder.display().to_string(), "-c", &file.display().to_string()]
        .map(str::to_owned)
        .to_vec())
}

fn of_haproxy(folder: &Path, port: u16, ports: &[(&str, u16); 2]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut replacements = ports.map(|(old, new)| (old, new.to_string())).to_vec();
    replacements.push(("bind :80", format!("bind 127.0.0.1:{port}")));
    let file = folder.join("haproxy.cfg");
    fs::write(&file, deployed("haproxy.cfg", &replacements)?)?;
    Ok(["haproxy", "-db", "-f", &file.display().to_string()].map(str::to_owned).to_vec())
}
