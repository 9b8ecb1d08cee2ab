//! What the machine is, in words.

use std::fs::read_to_string;

/// Processor, cores, memory and system.
pub fn describe() -> String {
    let cores = crate::real::cores();
    let plural = if cores == 1 { "" } else { "s" };
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| {
        let kib: u64 = text.strip_suffix("kB")?.trim().parse().ok()?;
        Some(format!(", {} GiB", kib.div_ceil(1 << 20)))
    });
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split(['-', '\n']).next().unwrap_or_default();
    let system = format!("{} {kernel}", std::env::consts::OS);
    format!("{processor}, {cores} core{plural}{}, {}", memory.unwrap_or_default(), system.trim())
}

/// The first value of a name in a file of `name: value` lines.
fn field(file: &str, name: &str) -> Option<String> {
    let text = read_to_string(file).ok()?;
    let (_, value) =
        text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_a_line_with_the_number_of_cores() {
        let described = describe();
        assert!(described.contains("core") && described.lines().count() == 1, "{described}");
    }
}
