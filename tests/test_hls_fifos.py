"""FIFO depths: the design runs with every process at once and every stream as deep as planned.

C simulation calls the processes one after the other on unbounded queues, which hides lock-ups. Here
each process is a thread, and a stream that is full makes its writer wait.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder import Case
from cases import cases
from hls_models import deep
from qcompile.emit.hls import emit_hls
from qcompile.plan.dataflow import Dataflow, plan_dataflow
from qcompile.verify.csim import ap_types, write

FRAMES = 3
LOCKED = 7  # exit status when nothing moves any more

BOUNDED = """
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>

inline std::map<std::string, size_t> depths; // of the streams that are not ports
inline std::atomic<long> moved{0};

namespace hls {
template <class T> struct stream {
    explicit stream(const char* name) : depth(depths.count(name) ? depths[name] : 1u << 30) {}
    void write(const T& word) {
        std::unique_lock<std::mutex> lock(guard);
        change.wait(lock, [&] { return words.size() < depth; });
        words.push_back(word);
        moved++;
        change.notify_all();
    }
    T read() {
        std::unique_lock<std::mutex> lock(guard);
        change.wait(lock, [&] { return !words.empty(); });
        const T word = words.front();
        words.pop_front();
        moved++;
        change.notify_all();
        return word;
    }
    bool empty() { return words.empty(); }
    size_t size() { return words.size(); }
    size_t depth;
    std::deque<T> words;
    std::mutex guard;
    std::condition_variable change;
};
} // namespace hls
"""

WATCH = """
#include <chrono>
#include <cstdlib>
#include <thread>

inline void watch() { // ends the program when nothing has moved for a while
    for (long seen = -1; seen != moved;) {
        seen = moved;
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    }
    std::_Exit(%d);
}
"""


def run(folder: Path, case: Case, plan: Dataflow, depths: Mapping[str, int]) -> int:
    """The exit status of FRAMES inferences at once, compared with the integer model."""
    frames = {name: x[:FRAMES] for name, x in case.inputs.items()}
    files = emit_hls(case.model, case.name, plan, frames)
    top = f"{case.name}.cpp"
    files[top] = threaded(files[top])
    files["testbench.cpp"] = together(files["testbench.cpp"], case.name, depths)
    files["include/hls_stream.h"] = "#pragma once\n" + BOUNDED + WATCH % LOCKED
    write(folder, files)
    sources = [path for path in files if path.endswith(".cpp")]
    flags = ["-std=c++17", "-O1", "-w", "-pthread", "-I.", "-Iinclude", f"-isystem{ap_types()}"]
    subprocess.run(["g++", *flags, *sources, "-o", "threads"], cwd=folder, check=True)
    done = subprocess.run(["./threads"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, LOCKED), done.stdout
    return done.returncode


def threaded(text: str) -> str:
    """The top function with a thread for each call, which makes it FRAMES times."""
    calls = re.findall(r"^    (\w+::\w+\([^;]*\));$", text, re.MULTILINE)
    assert calls
    for call in calls:
        loop = f"for (int i = 0; i < {FRAMES}; i++) {{ {call}; }}"
        text = text.replace(f"    {call};", f"    threads.emplace_back([&] {{ {loop} }});")
    text = text.replace(") {\n#pragma", ") {\n    std::vector<std::thread> threads;\n#pragma", 1)
    end = text.rindex("}")
    text = text[:end] + "    for (auto& t : threads) { t.join(); }\n}\n"
    return "#include <vector>\n" + text.replace("#pragma HLS", "//") + "\n"


def together(text: str, name: str, depths: Mapping[str, int]) -> str:
    """A main function that sends FRAMES vectors, calls the top once, and compares."""
    head, body = text.split("int main(", 1)
    ports = re.findall(r"^        (hls::stream<.*> (\w+)\(.*\);)$", body, re.MULTILINE)
    sends = re.findall(r"^        (send<.*;)$", body, re.MULTILINE)
    receives = re.findall(r"const Row (\w+)_row = (receive<.*);", body)
    call = re.search(rf"{name}_top\(.*\);", body)
    assert call is not None
    lines = [f'depths["{n}"] = {d};' for n, d in depths.items()]
    lines += [declaration for declaration, _ in ports]
    for send in sends:
        port = re.search(r"\((\w+)_rows", send)
        assert port is not None
        lines.append(f'const Rows {port[1]}_rows = read_rows("vectors/{port[1]}.txt");')
        lines.append(f"for (int i = 0; i < {FRAMES}; i++) {{ {send} }}")
    lines += ["std::thread(watch).detach();", call[0], "int wrong = 0;"]
    for port, receive in receives:
        lines.append(f"const Row {port}_all = {receive};")
        lines.append(f'Row {port}_wanted; for (const Row& r : read_rows("vectors/{port}.txt")) ')
        lines.append(f"    {port}_wanted.insert({port}_wanted.end(), r.begin(), r.end());")
        lines.append(f'wrong += differing("{port}", 0, {port}_all, {port}_wanted);')
    lines.append("std::_Exit(wrong ? 1 : 0);")
    main = "int main() {\n" + "\n".join(f"    {line}" for line in lines) + "\n}\n"
    return head + main


NAMES = ("residual", "matmul_requant", "concat_first", "add_broadcast", "one_value_twice")


@pytest.mark.parametrize("name", [*NAMES, "deep"])
def test_planned_depths_never_lock(tmp_path: Path, name: str) -> None:
    case = deep(1) if name == "deep" else next(c for c in cases() if c.name == name)
    plan = plan_dataflow(case.model)
    assert run(tmp_path, case, plan, plan.depths) == 0


def test_shallow_streams_lock(tmp_path: Path) -> None:
    """The test above can fail: with two words everywhere, paths of unlike length lock up."""
    case = deep(1)
    plan = plan_dataflow(case.model)
    assert run(tmp_path, case, plan, dict.fromkeys(plan.depths, 2)) == LOCKED
