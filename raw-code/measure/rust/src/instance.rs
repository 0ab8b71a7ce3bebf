//! What this process says about itself.

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// The earliest instants this program can note of itself, ns.
pub struct First {
    stamp: i128,
    cpu: i128,
}

impl First {
    pub fn now() -> First {
        First { stamp: now(), cpu: clock::cpu() }
    }
}

/// The wall clock, Unix ns.
pub fn now() -> i128 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(d) => d.as_nanos() as i128,
        Err(e) => -(e.duration().as_nanos() as i128),
    }
}

/// One request's view of the instance.
pub struct Claim {
    pub id: String,
    pub cold: bool,
    pub invocation: u64,
    pub init_ns: u64,
}

/// What does not change in the life of the instance.
pub struct Identity {
    pub started: i128,
    pub runtime: String,
    pub memory_mb: u64,
    pub cpu: String,
    pub host: String,
    id: Mutex<String>,
    claimed: AtomicBool,
    invocations: AtomicU64,
    init_ns: AtomicU64,
}

impl Identity {
    pub fn new(first: First) -> Identity {
        let count = thread::available_parallelism().map_or(0, |n| n.get());
        Identity {
            started: process_start(&first),
            runtime: format!("rust{}", option_env!("STELLAR_RUST_VERSION").unwrap_or("")),
            memory_mb: env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|m| m.parse().ok()).unwrap_or(0),
            cpu: format!("{},{}", count, cpu_model()),
            host: fs::read_to_string("/proc/sys/kernel/hostname").map(|h| h.trim().to_string())
                .or_else(|_| env::var("HOSTNAME")).unwrap_or_default(),
            id: Mutex::new(String::new()),
            claimed: AtomicBool::new(false),
            invocations: AtomicU64::new(0),
            init_ns: AtomicU64::new(0),
        }
    }

    /// Notes the end of initialisation.
    pub fn ready(&self) {
        self.init_ns.store((now() - self.started).max(0) as u64, Ordering::SeqCst);
    }

    /// Called when a request arrives. The swap lets exactly one of several concurrent requests be cold.
    pub fn claim(&self) -> Claim {
        let mut id = self.id.lock().unwrap_or_else(|e| e.into_inner());
        if id.is_empty() {
            *id = random_id(); // drawn here, so that copies restored from one snapshot differ
        }
        Claim {
            cold: !self.claimed.swap(true, Ordering::SeqCst),
            invocation: self.invocations.fetch_add(1, Ordering::SeqCst) + 1,
            id: id.clone(),
            init_ns: self.init_ns.load(Ordering::SeqCst),
        }
    }
}

/// Estimates when the process began. The kernel gives that in clock ticks of 10 ms; within its tick the start is placed
/// so that the process has been on a CPU all the time up to its first stamp, which a starting process nearly is.
fn process_start(first: &First) -> i128 {
    let guess = first.stamp - first.cpu;
    match start_tick() {
        Some((earliest, tick)) => guess.max(earliest).min(earliest + tick),
        None => guess,
    }
}

/// The earliest instant at which the process can have begun and how much later it may have been, ns.
fn start_tick() -> Option<(i128, i128)> {
    const TICK: i128 = 10_000_000;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything: count from its end.
    let rest = &stat[stat.rfind(')')? + 1..];
    let ticks: i128 = rest.split_whitespace().nth(19)?.parse().ok()?; // starttime, field 22 (proc(5))
    let since_boot = clock::boot()?;
    Some((now() - since_boot + ticks * TICK, TICK))
}

/// The first processor's name. Only the first page is read: the kernel makes the file again for each reader.
fn cpu_model() -> String {
    let mut page = [0u8; 4096];
    let n = File::open("/proc/cpuinfo").and_then(|mut f| f.read(&mut page)).unwrap_or(0);
    String::from_utf8_lossy(&page[..n])
        .lines()
        .filter_map(|l| l.split_once(':'))
        .find(|(name, _)| name.trim() == "model name")
        .map_or(String::new(), |(_, value)| value.trim().to_string())
}

pub fn random_id() -> String {
    let mut b = [0u8; 16];
    if File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut b)).is_err() {
        return format!("{:032x}", now());
    }
    b.iter().map(|v| format!("{v:02x}")).collect()
}

#[cfg(target_os = "linux")]
mod clock {
    //! Two of the kernel's clocks that the standard library has no name for.

    #[repr(C)]
    struct Timespec {
        sec: i64,
        nsec: i64,
    }

    extern "C" {
        fn clock_gettime(id: i32, at: *mut Timespec) -> i32;
    }

    fn read(id: i32) -> Option<i128> {
        let mut t = Timespec { sec: 0, nsec: 0 };
        // SAFETY: the pointer is to a timespec of this function's own, in the layout of 64-bit Linux.
        match unsafe { clock_gettime(id, &mut t) } {
            0 => Some(t.sec as i128 * 1_000_000_000 + t.nsec as i128),
            _ => None,
        }
    }

    pub fn cpu() -> i128 {
        read(2).unwrap_or(0) // CLOCK_PROCESS_CPUTIME_ID
    }

    pub fn boot() -> Option<i128> {
        read(7) // CLOCK_BOOTTIME
    }
}

#[cfg(not(target_os = "linux"))]
mod clock {
    pub fn cpu() -> i128 {
        0
    }

    pub fn boot() -> Option<i128> {
        None
    }
}
