import json
import os
import shlex
import shutil
import stat
import sys
from pathlib import Path

import pytest

from defocus import __version__, shipped
from defocus.errors import InputError
from defocus.gimp import doctor as gimp_doctor
from defocus.gimp import install as gimp_install
from defocus.gimp import profiles as profiles_of_gimp
from defocus.gimp.prepare import prepare
from defocus.parameters import MaskParameters, describe
from defocus.worker.client import PROTOCOL

PROFILES = {
    "linux": [
        (".config/GIMP/3.0", ""),
        (".config/GIMP/3.2", ""),
        (".var/app/org.gimp.GIMP/config/GIMP/3.0", "flatpak"),
        ("snap/gimp/current/.config/GIMP/3.0", "snap"),
    ],
    "darwin": [("Library/Application Support/GIMP/3.0", "")],
    "win32": [("AppData/Roaming/GIMP/3.0", ""), ("AppData/Roaming/GIMP/3.10", "")],
}


@pytest.fixture(scope="module")
def described():
    """What the worker says of itself, asked once."""
    return gimp_install._describe()


@pytest.fixture
def profile(tmp_path, monkeypatch, described):
    """An empty profile under a name with blanks and letters beyond ASCII."""
    monkeypatch.setattr(gimp_install, "_describe", lambda: described)
    monkeypatch.setattr(gimp_install, "prepare", lambda tell: True)
    folder = tmp_path / "Zoë's Gimp" / "3.0"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_profiles_are_found_wherever_gimp_keeps_them(tmp_path, platform):
    for folder, _ in PROFILES[platform]:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder).with_name("2.10").mkdir(exist_ok=True)
        (tmp_path / folder).with_name("3.0-backup").mkdir(exist_ok=True)
    found = profiles_of_gimp.find_profiles(platform=platform, environment={}, home=tmp_path)
    assert {(profile.folder.relative_to(tmp_path).as_posix(), profile.packaging) for profile in found} == set(
        PROFILES[platform]
    )


def test_environment_variables_move_the_profiles(tmp_path):
    def found(platform, **environment):
        profiles = profiles_of_gimp.find_profiles(platform=platform, environment=environment, home=tmp_path / "home")
        return [profile.folder for profile in profiles]

    (tmp_path / "data" / "GIMP" / "3.0").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    assert found("win32", APPDATA=str(tmp_path / "data")) == [tmp_path / "data" / "GIMP" / "3.0"]
    assert found("linux", XDG_CONFIG_HOME=str(tmp_path / "data")) == [tmp_path / "data" / "GIMP" / "3.0"]
    assert found("linux", GIMP3_DIRECTORY=str(tmp_path / "mine")) == [tmp_path / "mine"]
    assert found("linux") == []


def test_a_profile_that_two_ways_lead_to_is_listed_once(tmp_path):
    (tmp_path / ".config" / "GIMP" / "3.0").mkdir(parents=True)
    environment = {"XDG_CONFIG_HOME": str(tmp_path / ".config")}
    assert len(profiles_of_gimp.find_profiles(platform="linux", environment=environment, home=tmp_path)) == 1


def test_install_writes_a_plugin_that_gimp_accepts(profile, capsys):
    (written,) = gimp_install.install(profile)
    assert written == profile / "plug-ins" / "defocus"
    script = written / "defocus.py"  # GIMP wants the folder's name, and the run bit
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text().startswith("#!/usr/bin/env python3\n")
    assert (written / "defocus_client.py").read_bytes() == Path(gimp_install.client.__file__).read_bytes()
    settings = json.loads((written / "settings.json").read_text(encoding="utf-8"))
    assert settings["python"] == sys.executable
    assert settings["version"] == __version__
    assert settings["protocol"] == PROTOCOL
    names = [control["name"] for control in settings["parameters"]["mask"]]
    assert names == [control.name for control in describe(MaskParameters)]
    assert [path.name for path in profile.iterdir()] == ["plug-ins"]  # nothing left of the making
    said = capsys.readouterr().out
    assert str(written) in said
    assert sys.executable in said


def test_installing_again_replaces_everything(profile):
    (written,) = gimp_install.install(profile)
    (written / "left_over.py").touch()
    (written / "defocus.py").write_text("old")
    os.utime(written / "defocus.py", (1, 1))
    gimp_install.install(profile)
    assert not (written / "left_over.py").exists()
    assert (written / "defocus.py").stat().st_mtime > 1e9  # GIMP asks a plug-in anew only if its date changed


def test_uninstall_removes_only_the_plugin(profile, capsys):
    (written,) = gimp_install.install(profile)
    other = profile / "plug-ins" / "other"
    other.mkdir()
    assert gimp_install.uninstall(profile) == [written]
    assert not written.exists()
    assert other.exists()
    assert gimp_install.uninstall(profile) == []
    assert "nothing to remove" in capsys.readouterr().out


@pytest.mark.parametrize("function", [gimp_install.install, gimp_install.uninstall])
def test_somebody_elses_plugin_is_left_alone(profile, function):
    other = profile / "plug-ins" / "defocus" / "defocus.py"
    other.parent.mkdir(parents=True)
    other.write_text("another program")
    with pytest.raises(InputError, match="another plug-in of that name"):
        function(profile)
    assert other.read_text() == "another program"


def test_what_cannot_be_written_is_named_and_leaves_nothing(profile):
    (profile / "plug-ins").write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"plug-ins.*cannot be written"):
        gimp_install.install(profile)
    assert [path.name for path in profile.iterdir()] == ["plug-ins"]


def test_missing_profiles_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no such folder"):
        gimp_install.install(tmp_path / "absent")
    monkeypatch.setattr(profiles_of_gimp, "find_profiles", list)
    with pytest.raises(InputError, match="start GIMP 3 once"):
        gimp_install.install()
    (check,) = gimp_doctor.diagnose()
    assert not check.ok
    assert "--profile" in check.mend


def wrong(profile):
    """Return what the doctor finds wrong, and the mends."""
    return [(check.text, check.mend) for check in gimp_doctor.diagnose(profile) if not check.ok]


def test_the_doctor_finds_nothing_wrong_after_installing(profile, capsys):
    gimp_install.install(profile)
    capsys.readouterr()
    assert gimp_doctor.doctor(profile)
    said = capsys.readouterr().out
    assert "test picture came through" in said
    assert "WRONG" not in said


def test_the_doctor_names_each_broken_link_and_its_mend(profile, tmp_path, capsys):
    ((text, mend),) = wrong(profile)
    assert "the plug-in is not in" in text
    assert "gimp-install --profile" in mend

    (written,) = gimp_install.install(profile)
    settings = written / "settings.json"
    good = json.loads(settings.read_text())

    def put(**changes):
        settings.write_text(json.dumps({**good, **changes}))

    put(python=str(tmp_path / "gone"))  # quick to check: without a worker
    (written / "defocus.py").chmod(0o644)
    (written / "procedures.py").write_text("changed")
    found = wrong(profile)
    assert "ignores it without a word" in found[0][0]
    assert shlex.split(found[0][1]) == ["chmod", "+x", str(written / "defocus.py")]  # an apostrophe, too
    assert "procedures.py" in found[1][0]
    assert "is gone" in found[2][0]
    assert len(found) == 3
    gimp_install.install(profile)

    put(version="0.0.1")
    assert "installed by defocus 0.0.1" in wrong(profile)[0][0]
    bare = tmp_path / "bare-python"
    bare.write_text(f"#!/bin/sh\nexec '{sys.executable}' -S \"$@\"\n")
    bare.chmod(0o755)
    put(python=str(bare))
    assert "No module named" in wrong(profile)[0][0]
    assert wrong(profile)[0][1].startswith("run: defocus gimp-install --profile ")
    put(protocol=99)
    assert "protocol 99" in wrong(profile)[0][0]
    put(parameters={**good["parameters"], "mask": good["parameters"]["mask"][1:]})
    assert "not what defocus" in wrong(profile)[0][0]
    settings.write_text(json.dumps({name: good[name] for name in ("python", "version", "protocol")}))
    assert "cannot be read" in wrong(profile)[0][0]
    settings.write_text("{")
    assert "cannot be read" in wrong(profile)[0][0]
    assert not gimp_doctor.doctor(profile)
    said = capsys.readouterr().out
    assert "WRONG" in said
    assert "mend: run: defocus gimp-install" in said


@pytest.mark.parametrize(
    ("name", "holds", "said"),
    [
        ("Pictures", ("holiday.jpg",), "is no profile folder of GIMP 3"),
        ("2.10", ("gimprc", "plug-ins"), "belongs to GIMP 2.10"),
        ("empty", (), "is no profile folder of GIMP 3"),
    ],
)
def test_a_folder_that_is_no_profile_is_refused(profile, tmp_path, name, holds, said):
    folder = tmp_path / name
    folder.mkdir()
    for file in holds:
        (folder / file).touch()
    for function in (gimp_install.install, gimp_install.uninstall):
        with pytest.raises(InputError, match=said):
            function(folder)
    assert sorted(file.name for file in folder.iterdir()) == sorted(holds)
    ((text, mend),) = wrong(folder)
    assert said in text
    assert mend


def test_a_profile_may_have_any_name(profile, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "gimprc").touch()
    assert gimp_install.install(folder) == [folder / "plug-ins" / "defocus"]


def test_a_missing_translation_is_named(profile, tmp_path):
    (written,) = gimp_install.install(profile)
    shutil.rmtree(written / "locale")
    settings = json.loads((written / "settings.json").read_text())
    (written / "settings.json").write_text(json.dumps({**settings, "python": str(tmp_path / "gone")}))
    text, mend = wrong(profile)[0]
    assert "locale/de.po" in text
    assert "gimp-install" in mend


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_are_replaced_and_what_they_lead_to_is_left_alone(profile, tmp_path):
    link = profile / "plug-ins" / "defocus"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "nowhere")
    ((text, mend),) = wrong(profile)
    assert "is a link to" in text
    assert "nowhere" in text
    assert mend.startswith("run: defocus gimp-install")
    gimp_install.install(profile)
    assert (link / "defocus.py").is_file()
    assert not link.is_symlink()
    link.rename(tmp_path / "elsewhere")
    link.symlink_to(tmp_path / "elsewhere")
    gimp_install.install(profile)
    assert not link.is_symlink()
    assert (tmp_path / "elsewhere" / "defocus.py").is_file()
    shutil.rmtree(link)
    link.symlink_to(tmp_path / "nowhere")
    assert gimp_install.uninstall(profile) == [link]
    assert not link.is_symlink()


@pytest.mark.parametrize("below", ["plug-ins", "plug-ins/defocus"])
def test_the_folder_of_plugins_is_taken_for_what_it_is(profile, below):
    (profile / below).mkdir(parents=True)
    assert gimp_install.install(profile / below) == [profile / "plug-ins" / "defocus"]
    assert (profile / "plug-ins" / "defocus" / "defocus.py").is_file()
    assert not list((profile / "plug-ins").glob("*/plug-ins"))
    assert wrong(profile / below) == []


def test_somebody_elses_plugin_gets_a_mend_that_works(profile):
    other = profile / "plug-ins" / "defocus"
    other.mkdir(parents=True)
    (other / "defocus.py").write_text("another program")
    ((text, mend),) = wrong(profile)
    assert "another plug-in of that name" in text
    assert mend.startswith("move ")
    assert shlex.split(mend.split(" away, ")[0])[1] == str(other)


def test_python_from_the_microsoft_store_is_told_apart():
    home = Path("/Users/zoe")
    roaming = home / "AppData" / "Roaming" / "GIMP" / "3.0"
    store = r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.12_x64"

    def reason(folder, python, platform="win32"):
        return profiles_of_gimp.hidden_from_gimp(folder, platform=platform, python=python, home=home)

    assert "Microsoft Store" in reason(roaming, store)
    assert reason(roaming, r"C:\Python312") == ""
    assert reason(home / "gimp" / "3.0", store) == ""
    assert reason(roaming, store, "linux") == ""


def test_paths_are_quoted_for_the_system_they_are_pasted_into():
    assert profiles_of_gimp.quoted("/home/Zoë's/3.0", "linux") == "'/home/Zoë'\"'\"'s/3.0'"
    assert profiles_of_gimp.quoted(r"C:\Users\Zoë's\3.0", "win32") == r'"C:\Users\Zoë\'s\3.0"'.replace("\\'", "'")


def test_installing_compiles_once_what_the_first_picture_needs(capsys):
    told = []
    assert prepare(told.append)
    assert "making ready what pictures need" in told[0]
    assert "ready, in" in told[1]
    told.clear()
    assert not prepare(told.append, str(Path("/no/such/python")))
    assert "gimp-doctor" in told[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="flatpak is a thing of Linux")
@pytest.mark.parametrize("allowed", [True, False])
def test_the_doctor_asks_flatpak_what_it_allows(tmp_path, monkeypatch, allowed):
    program = tmp_path / "flatpak"
    program.write_text(f"#!/bin/sh\necho '[Session Bus Policy]'\n{'echo org.freedesktop.Flatpak=talk' * allowed}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    check = gimp_doctor._diagnose_flatpak()
    assert check.ok == allowed
    assert ("flatpak override" in check.mend) != allowed


def test_sandboxed_profiles_come_with_advice(tmp_path, monkeypatch, described, capsys):
    monkeypatch.setattr(gimp_install, "_describe", lambda: described)
    monkeypatch.setattr(gimp_install, "prepare", lambda tell: True)
    for place, word in ((".var/app/org.gimp.GIMP/config/GIMP/3.0", "flatpak override"), ("snap/gimp/3.0", "snap")):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        gimp_install.install(folder)
        assert word in capsys.readouterr().out


def test_an_installation_without_the_plugins_files_says_so(monkeypatch, tmp_path):
    copy = tmp_path / "a" / "b" / "gimp_install.py"
    copy.parent.mkdir(parents=True)
    monkeypatch.setattr(shipped, "__file__", str(copy))
    monkeypatch.setattr(shipped.importlib.metadata, "files", lambda name: None)
    with pytest.raises(InputError, match="install napari-defocus again"):
        gimp_install.plugin_source()
