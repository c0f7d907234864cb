use crate::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Once;
use tch::{Cuda, Device};

/// A device and the reason for choosing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenDevice {
    /// The device of the models.
    pub device: Device,
    /// The reason, as one line for the log.
    pub why: String,
}

/// Chooses the device: `auto` (a GPU if there is one, otherwise the CPU), `cpu`, `cuda` or `cuda:N`.
///
/// The programs are linked against the CPU libraries only. Unless the CPU is requested, this loads `libtorch_cuda.so`
/// if libtorch's folder contains it; the library registers itself. Call it before any other use of libtorch, which
/// looks for GPUs only once.
///
/// # Errors
/// [`Error::UnknownDevice`] for any other value, [`Error::DeviceUnavailable`] if a GPU is requested and cannot be used.
pub fn choose_device(request: &str) -> Result<ChosenDevice, Error> {
    let wanted = match request {
        "cpu" => return Ok(ChosenDevice { device: Device::Cpu, why: "the CPU was requested".to_owned() }),
        "auto" => None,
        "cuda" => Some(0),
        other => {
            let index = other.strip_prefix("cuda:").and_then(|n| n.parse::<usize>().ok());
            Some(index.ok_or_else(|| Error::UnknownDevice { found: other.to_owned() })?)
        }
    };
    let gpus = find_gpus();
    match (wanted, gpus) {
        (None, Ok(count)) => Ok(ChosenDevice {
            device: Device::Cuda(0),
            why: format!("the first of {count} GPUs, chosen by auto"),
        }),
        (None, Err(reason)) => Ok(ChosenDevice { device: Device::Cpu, why: format!("no GPU: {reason}") }),
        (Some(index), Ok(count)) if index < count => Ok(ChosenDevice {
            device: Device::Cuda(index),
            why: format!("GPU {index} of {count} was requested"),
        }),
        (Some(_), Ok(count)) => {
            let reason = format!("this machine has {count} GPUs, numbered from 0");
            Err(Error::DeviceUnavailable { requested: request.to_owned(), reason })
        }
        (Some(_), Err(reason)) => Err(Error::DeviceUnavailable { requested: request.to_owned(), reason }),
    }
}

/// Sets the number of threads that libtorch computes with. Call it once, at start; results are reproducible bit by bit
/// only with the same number.
///
/// # Errors
/// [`Error::Shape`] for zero threads or more than 1024.
pub fn set_threads(threads: usize) -> Result<(), Error> {
    let count = i32::try_from(threads).ok().filter(|n| (1..=1024).contains(n));
    let count = count.ok_or_else(|| Error::shape("threads", "1 to 1024", threads))?;
    static INTEROP: Once = Once::new();
    // libtorch accepts this setting only once. Stentor never runs two operations in parallel.
    INTEROP.call_once(|| tch::set_num_interop_threads(1));
    tch::set_num_threads(count);
    Ok(())
}

/// Returns the number of usable GPUs, or why there is none.
fn find_gpus() -> Result<usize, String> {
    let loaded = load_cuda();
    if Cuda::is_available() {
        return Ok(usize::try_from(Cuda::device_count()).unwrap_or(0).max(1));
    }
    match loaded {
        Ok(path) => Err(format!("{} is loaded, but finds no usable GPU", path.display())),
        Err(reason) => Err(reason),
    }
}

/// Loads libtorch's CUDA half from the folder of its CPU half.
fn load_cuda() -> Result<PathBuf, String> {
    let folder = torch_folder().ok_or("libtorch_cpu.so is not among the loaded libraries")?;
    let path = folder.join("libtorch_cuda.so");
    if !path.exists() {
        return Err(format!("{} has no libtorch_cuda.so", folder.display()));
    }
    open_library(&path).map_err(|e| format!("cannot load {}: {e}", path.display()))?;
    Ok(path)
}

/// Returns the folder from which libtorch was loaded.
fn torch_folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    path.map(Path::new)
        .find(|p| p.file_name().is_some_and(|n| n == "libtorch_cpu.so"))?
        .parent()
        .map(Path::to_owned)
}

/// Loads a shared library for the rest of the process's lifetime.
fn open_library(path: &Path) -> Result<(), String> {
    use std::ffi::{CStr, CString};
    use std::os::unix::ffi::OsStrExt;
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|e| e.to_string())?;
    // SAFETY: `name` is a NUL-terminated path that outlives the call. The library's initialisers run here; they are the
    // ones that LD_PRELOAD would run. The handle is never closed, so nothing that they register dangles.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: dlerror returns NULL or a NUL-terminated text that is valid until the thread's next dl call.
    let message = unsafe {
        let text = libc::dlerror();
        if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    };
    Err(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_device_is_named_with_the_known_ones() {
        for word in ["gpu", "cuda:", "cuda:x", "cuda:-1", ""] {
            let error = choose_device(word).unwrap_err();
            assert!(matches!(error, Error::UnknownDevice { .. }), "{word}: {error}");
            assert!(error.to_string().contains(&format!("`{word}`")));
        }
    }

    #[test]
    fn auto_gives_the_reason_for_its_choice() {
        let chosen = choose_device("auto").unwrap();
        assert!(!chosen.why.is_empty());
        if chosen.device == Device::Cpu {
            assert!(chosen.why.starts_with("no GPU: "), "{}", chosen.why);
        }
    }

    #[test]
    fn a_gpu_beyond_the_last_one_is_an_error_that_gives_their_number() {
        let error = choose_device("cuda:999").unwrap_err();
        assert!(matches!(error, Error::DeviceUnavailable { .. }), "{error}");
        assert!(error.to_string().contains("cuda:999"));
    }

    #[test]
    fn libtorch_knows_its_folder() {
        // Any tensor makes libtorch load its library.
        assert_eq!(tch::Tensor::from_slice(&[1f32]).numel(), 1);
        assert!(torch_folder().unwrap().join("libtorch_cpu.so").exists());
    }

    #[test]
    fn zero_threads_are_refused() {
        assert_eq!(set_threads(0).unwrap_err().to_string(), "threads: expected 1 to 1024, found 0");
    }

    #[test]
    fn a_missing_library_is_an_error() {
        assert!(open_library(Path::new("/nowhere/libnothing.so")).unwrap_err().contains("libnothing.so"));
    }
}
