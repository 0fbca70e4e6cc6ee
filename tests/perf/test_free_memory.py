"""What memory is free, as the system and the driver of the GPU say."""

import sys

from fake_nvml import FakeNvml

from mmbench.perf import free_memory


def test_the_smallest_limit_of_all_groups_around_this_process_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(free_memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(free_memory, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(free_memory, "_GROUPS", tmp_path / "groups")
    assert free_memory.free_bytes() is None
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 5000 kB\n")
    assert free_memory.free_bytes() == 5000 * 1024
    inner = tmp_path / "groups" / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "own").write_text("0::/a/b\n")
    for folder, limit in ((inner, "max"), (inner.parent, "4000000")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text("3000000\n")
        (folder / "memory.stat").write_text("anon 5\ninactive_file 1000\n")
    assert free_memory.free_bytes() == 1_001_000
    old = tmp_path / "groups" / "memory"
    old.mkdir()
    (tmp_path / "own").write_text("4:memory:/elsewhere\n0::/a/b\n")
    (old / "memory.limit_in_bytes").write_text("2000\n")
    (old / "memory.usage_in_bytes").write_text("1500\n")
    (old / "memory.stat").write_text("inactive_file 7\ntotal_inactive_file 100\n")
    assert free_memory.free_bytes() == 600


def test_the_driver_tells_what_gpus_have_left(monkeypatch):
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    assert free_memory.gpu_free_bytes(["0", "GPU-a"]) == {"0": 73 << 30, "GPU-a": 73 << 30}
    fake.failing["nvmlInit"] = 12
    assert free_memory.gpu_free_bytes(["0", "GPU-a"]) == {}
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert free_memory.gpu_free_bytes(["0"]) == {}
