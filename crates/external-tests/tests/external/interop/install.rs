//! Installs the SDKs that the lock files pin, once, and keeps them below `target`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokio::{process::Command, sync::OnceCell};

use crate::support::{CACHE_DIR, installed, scripts};

/// The command for a script with the Node SDK.
pub(super) async fn node(script: &str) -> Command {
    let folder = node_folder().await;
    let mut node = installed(&["node"], "nodejs");
    node.arg(scripts().join("node").join(script))
        .env("NODE_PATH", folder.join("node_modules"));
    node
}

/// The folder with the Node SDK.
pub(super) async fn node_folder() -> &'static Path {
    static FOLDER: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    let folder = FOLDER.get_or_init(|| async {
        let npm = installed(&["npm"], "npm");
        install("node", &scripts().join("node/package-lock.json"), async |folder| {
            npm_ci(npm, folder).await
        })
        .await
    });
    folder.await.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// The command for a script with the Python device SDK.
pub(super) async fn python(script: &str) -> Command {
    let mut python = python_with_pytest().await;
    python.arg(scripts().join("python").join(script));
    python
}

/// The command for Python with its device SDK and pytest.
pub(super) async fn python_with_pytest() -> Command {
    static FOLDER: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    python_with(&FOLDER, "python", "requirements.txt").await
}

/// The command for a script with the Python service SDK.
pub(super) async fn python_service(script: &str) -> Command {
    static FOLDER: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    let mut python = python_with(&FOLDER, "python-service", "service-requirements.txt").await;
    python.arg(scripts().join("python").join(script));
    python
}

/// The command for a script with MQTT clients for Python, which need another version of paho than the SDK.
pub(super) async fn python_mqtt(script: &str) -> Command {
    static FOLDER: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    let mut python = python_with(&FOLDER, "python-mqtt", "mqtt-requirements.txt").await;
    python.arg(scripts().join("python").join(script));
    python
}

/// The command for Python with the packages of a lock file, which are kept in a folder of this name.
async fn python_with(
    folder: &'static OnceCell<Result<PathBuf, String>>,
    name: &str,
    requirements: &'static str,
) -> Command {
    let folder = folder.get_or_init(|| async {
        let python = installed(&["python3"], "python3 python3-venv");
        install(name, &scripts().join("python").join(requirements), async |folder| {
            pip_install(python, folder, requirements).await
        })
        .await
    });
    let folder = folder.await.as_ref().unwrap_or_else(|error| panic!("{error}"));
    Command::new(folder.join("bin/python"))
}

async fn npm_ci(mut npm: Command, folder: &Path) -> Result<(), String> {
    for name in ["package.json", "package-lock.json"] {
        fs::copy(scripts().join("node").join(name), folder.join(name)).map_err(|error| failed(folder, &error))?;
    }
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]);
    run(npm.current_dir(folder)).await
}

async fn pip_install(mut python: Command, folder: &Path, requirements: &str) -> Result<(), String> {
    let venv = run(python.args(["-m", "venv"]).arg(folder)).await;
    venv.map_err(|error| format!("{error}\nInstall it: apt-get update && apt-get install -y python3-venv"))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
    ]);
    run(pip.arg(scripts().join("python").join(requirements))).await
}

/// Installs into an empty folder, unless the folder has what this lock file pins.
async fn install(
    name: &str,
    lock: &Path,
    into: impl AsyncFnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let folder = Path::new(CACHE_DIR).join(name);
    let wanted = fs::read(lock).map_err(|error| failed(lock, &error))?;
    let stamp = folder.join("installed");
    if fs::read(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&folder, &error)),
        _ => fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?,
    }
    into(&folder).await?;
    fs::write(&stamp, wanted).map_err(|error| failed(&stamp, &error))?;
    Ok(folder)
}

async fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().await;
    let command = command.as_std();
    let output = output.map_err(|error| format!("{command:?} could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    Err(format!("{command:?} failed: {}\n{stdout}{stderr}", output.status))
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
