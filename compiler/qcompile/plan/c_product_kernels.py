"""The kernels of a product: their names, and the macros that make them."""

from __future__ import annotations

from qcompile.plan.c_product_layout import Layout, Reading
from qcompile.plan.c_types import Kernel
from qcompile.plan.tiles import QUAD, Run, Storage

UNPACKER = Kernel("qc_unpack_quads", "all", ())


def kernels(layout: Layout) -> tuple[Kernel, ...]:
    """All of a layer, in the order of their use."""
    made = [Kernel("qc_bytes", "all", ())] if layout.shape.reading is not Reading.DIRECT else []
    made += [put(layout, r) for r in layout.runs if layout.of(r).in_kernel]
    made += [tile(layout, r) for r in layout.runs]
    made += [UNPACKER for r in layout.runs if r.storage is Storage.ROWS]
    made.append(Kernel("qc_product", "all", (), forms=product_forms(layout)))
    if layout.shape.reading is not Reading.DIRECT:
        for group in layout.groups():
            made += readers(layout, group[0].activation_bits)
    if layout.several():
        made.append(Kernel("qc_passes", "all", ()))
    return tuple(made)


def product_forms(layout: Layout) -> int:
    """QC_FORMS of qc_product.inc."""
    part = len(layout.op.bias) % QUAD != 0 and layout.results[-1].in_kernel
    return int(layout.called()) | 2 * part


def tile_types(layout: Layout, run: Run) -> str:
    """What tells the tile kernel of a run from others, for its name."""
    sign = "i" if layout.site.x.signed else "u"
    kind = "_shared" * run.shared + "_folded" * run.folded
    return (
        f"{sign}{run.activation_bits}_w{run.weight_bits}{kind}"
        f"_{layout.of(run).suffix(layout.y_bits())}{'_line' * layout.single(run)}"
    )


def tile(layout: Layout, run: Run) -> Kernel:
    """The tile kernel of a run."""
    r = layout.of(run)
    macros = {
        "QC_A_BITS": run.activation_bits,
        "QC_A_SIGNED": int(layout.site.x.signed),
        "QC_W_BITS": run.weight_bits,
        "QC_SHARED": int(run.shared),
        "QC_FOLDED": int(run.folded),
        "QC_BY": r.by.value,
        "QC_CLAMP": int(r.clamp is not None),
        "QC_Y_BITS": layout.y_bits(),
        "QC_Y_SIGNED": int(r.signed),
        "QC_Y_LOW": r.low,
        "QC_SINGLE": int(layout.single(run)),
        "QC_PUT_KIND": r.suffix(layout.y_bits()),
    }
    pairs = tuple((k, str(v)) for k, v in macros.items())
    return Kernel("qc_tile", tile_types(layout, run), pairs, forms=layout.forms(run))


def put(layout: Layout, run: Run) -> Kernel:
    """Makes results from sums, for the tile kernels in C."""
    r = layout.of(run)
    macros = {
        "QC_BY": r.by.value,
        "QC_CLAMP": int(r.clamp is not None),
        "QC_Y_BITS": layout.y_bits(),
        "QC_Y_SIGNED": int(r.signed),
        "QC_Y_LOW": r.low,
    }
    pairs = tuple((k, str(v)) for k, v in macros.items())
    return Kernel("qc_put", r.suffix(layout.y_bits()), pairs)


def taking(layout: Layout, bits: int) -> str:
    """How activations are copied, for names: from their width in memory to `bits`."""
    return f"{'i' if layout.site.x.signed else 'u'}{layout.site.x_bits}_{bits}"


def reader(layout: Layout, bits: int) -> str:
    """The function that reads activations for the tiles; empty where they read them directly."""
    if layout.shape.reading is Reading.DIRECT:
        return ""
    return readers(layout, bits)[-1].function


def readers(layout: Layout, bits: int) -> list[Kernel]:
    """The kernels that copy activations to `bits` bits for the tiles."""
    types = taking(layout, bits)
    x = layout.site.x
    take = Kernel(
        "qc_take",
        types,
        (
            ("QC_X_BITS", str(layout.site.x_bits)),
            ("QC_X_SIGNED", str(int(x.signed))),
            ("QC_A_BITS", str(bits)),
        ),
    )
    macros = (("QC_TAKE", take.function),)
    match layout.shape.reading:
        case Reading.PATCHES:
            patches = Kernel("qc_patches", "pixels", ())
            pixels = ("QC_PIXELS", patches.function)
            return [take, patches, Kernel("qc_rows", f"{types}_patches", (*macros, pixels))]
        case Reading.ROWS:
            return [take, Kernel("qc_rows", types, (*macros, ("QC_PIXELS", "qc_product_pixels")))]
    return [take, Kernel("qc_gathered", types, macros)]
