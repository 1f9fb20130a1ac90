"""What was measured, as text, as docs/benchmarks.md and as the plot docs/benchmarks.svg."""
from html import escape
from math import exp, log

# Of ncnn 1.0.20261020, cross-built, counted and estimated in the same way: million instructions and cycles of a Cortex-A76.
AARCH64_PEER = {"mobilenet_v1": (172.1, 79.7), "mobilenet_v2": (101.5, 49.2), "squeezenet": (76.3, 37.1), "resnet50": (924.6, 426),
                "minilm": (504, 234)}


def is_peer(engine: str) -> bool:
    """True for other engines; builds of nncc have a CPU behind their label."""
    return " " not in engine


def best_peer(entry: dict) -> tuple[str, float] | None:
    """The fastest peer of a network and its time in ms."""
    peers = [(row["least_ms"], engine) for engine, row in entry["engines"].items() if is_peer(engine)]
    return (min(peers)[1], min(peers)[0]) if peers else None


def lead(entry: dict, engine: str) -> float | None:
    """The time of the best peer by that of an engine: above 1 is faster."""
    best = best_peer(entry)
    return best[1] / entry["engines"][engine]["least_ms"] if best and engine in entry["engines"] else None


def geometric_mean(values: list[float]) -> float:
    return exp(sum(map(log, values)) / len(values)) if values else 0


def leads_of(results: dict, engine: str) -> dict[str, dict[str, float]]:
    """Group of networks -> network -> lead of an engine, where both ran."""
    groups: dict[str, dict[str, float]] = {}
    for entry in results["networks"]:
        if value := lead(entry, engine):
            groups.setdefault(entry["group"], {})[entry["name"]] = value
    return groups


def builds_of(results: dict) -> list[str]:
    """The builds of nncc, the first of which peers are compared with."""
    return list(dict.fromkeys(engine for entry in results["networks"] for engine in [*entry["engines"], *entry["refused"]]
                              if not is_peer(engine)))


def network_text(entry: dict) -> str:
    """The lines of one network."""
    lines = [f"{entry['name']}: {entry['macs'] / 1e6:.1f} MMAC, multiply-add peak {entry['peak_gflops']:.0f} GFLOP/s",
             f"  {'':20}  least ms (middle half)            best peer / it  of peak  resident     load      disk  error"]
    for engine, row in entry["engines"].items():
        spread = f"({row['low_ms']:.3f} to {row['high_ms']:.3f})"
        ratio = lead(entry, engine)
        lines.append(f"  {engine:20} {row['least_ms']:9.3f} {spread:24} {f'{ratio:.2f}' if ratio else '':>14} {100 * row['share']:6.0f} % "
                     f"{row['resident_bytes'] / 1e6:6.1f} MB {1e3 * row['load_seconds']:6.2f} ms {row['disk_bytes'] / 1e6:6.2f} MB  "
                     f"{row['error']:.0e}")
    return "\n".join(lines + [f"  {engine:20} - {why}" for engine, why in entry["refused"].items()])


def summary_text(results: dict) -> str:
    """How far each build is ahead, in the geometric mean of each group of networks, and where it is behind."""
    lines = []
    for build in builds_of(results):
        for group, leads in leads_of(results, build).items():
            behind = ", ".join(f"{name} {value:.2f}" for name, value in sorted(leads.items(), key=lambda item: item[1]) if value < 1)
            lines.append(f"{build}, {len(leads)} {group}: best peer / nncc {geometric_mean(list(leads.values())):.2f}; "
                         f"behind: {behind or 'nowhere'}")
    return "\n".join(lines)


def aarch64_text(entry: dict) -> str:
    """The lines of one network's instructions."""
    lines = [f"{entry['name']}: {entry['macs'] / 1e6:.1f} MMAC"]
    for cpu, row in entry["cores"].items():
        lines.append(f"  {cpu:12} {row['instructions'] / 1e6:9.2f} M instructions, {4 * row['instructions'] / entry['macs']:.2f} for each least "
                     f"multiply-add, {row['cycles'] / 1e6:9.2f} M cycles (at least {row['least_cycles'] / 1e6:.2f}), code {row['code_bytes']}, "
                     f"constants {row['constant_bytes']}, arena {row['arena_bytes']} bytes")
    return "\n".join(lines)


def _digits(value: float) -> str:
    """A number with three digits."""
    return f"{value:#.3g}".rstrip(".") if value < 1000 else f"{value:,.0f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _times(results: dict) -> str:
    builds, peers = builds_of(results), list(results["versions"])
    rows = []
    for entry in results["networks"]:
        best, row = best_peer(entry), [entry["name"], f"{entry['macs'] / 1e6:,.0f}" if entry["macs"] > 1e7 else f"{entry['macs'] / 1e6:.1f}"]
        for engine in builds + peers:
            known = entry["engines"].get(engine)
            mark = "**" if known and known["least_ms"] == min(one["least_ms"] for one in entry["engines"].values()) else ""
            row.append(f"{mark}{_digits(known['least_ms'])}{mark}" if known else "-")
        ratio = lead(entry, results["first"])
        shares = [entry["engines"].get(build, {}).get("share") for build in builds]
        row += [f"{ratio:.2f} ({best[0]})" if ratio else "-", " / ".join(f"{100 * share:.0f} %" if share else "-" for share in shares)]
        rows.append(row)
    return _table(["network", "MMAC", *builds, *peers, "best peer / nncc", "of peak" if len(builds) < 2 else "of peak, " + " / ".join(builds)], rows)


def _memory(results: dict) -> str:
    engines, rows = [results["first"], *results["versions"]], []
    for entry in results["networks"]:
        row = [entry["name"]]
        for engine in engines:
            known = entry["engines"].get(engine)
            row.append(f"{_digits(known['resident_bytes'] / 1e6)} / {_digits(1e3 * known['load_seconds'])} / {_digits(known['disk_bytes'] / 1e6)}"
                       if known else "-")
        rows.append(row)
    return _table(["network", *engines], rows)


def _bullets(text: str) -> str:
    return "\n".join(f"- {line}." for line in text.splitlines())


def _losses(results: dict) -> str:
    lines = []
    for entry in results["networks"]:
        ratio, best = lead(entry, results["first"]), best_peer(entry)
        if ratio is None or ratio >= 1:
            continue
        slow = "".join(f"; {kernel['name']} ({kernel['op']}) takes {100 * kernel['share_of_time']:.0f} % of the time"
                       + (f" at {100 * kernel['share_of_peak']:.0f} % of the peak" if kernel["share_of_peak"] else "")
                       for kernel in entry.get("slowest", []))
        if entry["subnormal_weights"]:
            slow += f"; {entry['subnormal_weights']:,} of its weights are subnormal numbers, by which this core may multiply slowly"
        lines.append(f"- {entry['name']}: {best[0]} takes {100 * (1 - ratio):.0f} % less time{slow}.")
    for entry in results["networks"]:
        for engine, why in entry["refused"].items():
            if not is_peer(engine):
                lines.append(f"- {entry['name']}: {engine} has no result: {why}.")
    for entry in results["aarch64"]:
        core, peer = next(iter(entry["cores"].items())), AARCH64_PEER.get(entry["name"])
        if peer and core[1]["cycles"] > 1e6 * peer[1]:
            lines.append(f"- {entry['name']} on {core[0]}: {core[1]['cycles'] / 1e6:.0f} M cycles, ncnn {peer[1]:g} M.")
    return "\n".join(lines) or "Nowhere in this run."


def _refusals(results: dict) -> str:
    """Why a peer has no number, networks with the same reason together."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for entry in results["networks"]:
        left_out = {peer: "left out of this run" for peer in results["versions"] if peer not in entry["engines"]}
        for engine, why in (left_out | entry["refused"]).items():
            if is_peer(engine):
                reasons.setdefault((engine, why.replace("|", "\\|").replace("`", "'")), []).append(entry["name"])
    lines = [f"- {engine}: {why}: {', '.join(names)}." for (engine, why), names in reasons.items()]
    return "\n".join(lines + [f"- {name}: not measured: {why}." for name, why in results["missing"].items()]) or "None."


def _aarch64(results: dict) -> str:
    if not results["aarch64"]:
        return "Not counted in this run."
    rows = []
    for entry in results["aarch64"]:
        row, peer = [entry["name"]], AARCH64_PEER.get(entry["name"])
        for core in entry["cores"].values():
            row += [f"{core['instructions'] / 1e6:.1f}", f"{core['cycles'] / 1e6:.1f}", f"{core['least_cycles'] / 1e6:.1f}"]
        rows.append(row + ([f"{peer[0]:g}", f"{peer[1]:g}"] if peer else ["-", "-"]))
    cores = [f"{cpu}: {what}" for cpu in results["aarch64"][0]["cores"] for what in ("instructions", "cycles", "least cycles")]
    return _table(["network", *cores, "ncnn: instructions", "ncnn: cycles, A76"], rows)


def markdown(results: dict) -> str:
    """The page docs/benchmarks.md."""
    versions = ", ".join(f"{peer} {version}" for peer, version in results["versions"].items())
    runs = results.get("runs", 1)
    merged = f"Merged from {runs} runs of some of the networks each (`--from`): compare within a row. " if runs > 1 else ""
    return f"""# Benchmarks

Written by `tools/bench/compare.sh --write`, which sets up everything that it compares with; `--help` says what it measures. {merged}One
thread, f32, batch 1, the least processor time in ms of {results["rounds"]} rounds in turns, on one core of: {results["machine"]["cpu"]}.
Peers: {versions}. An engine's time counts only if its result is that of onnxruntime.

![time of each engine by that of the best peer](benchmarks.svg)

## Time

{_times(results)}

The share of the peak counts direct multiplications; the peak is that of the registers which the build's CPU has. Peers take the widest registers that the
machine has, builds of nncc those of their CPU. In geometric mean:

{_bullets(summary_text(results))}

## Where nncc loses

{_losses(results)}

## Memory, load, size

Resident MB / time to load in ms / MB on disk (code and model). Of nncc the whole C program, of others what is added to a Python program
that has loaded numpy.

{_memory(results)}

## AArch64

Millions of instructions that one run executes under qemu, and of cycles as llvm-mca estimates them, for code of that core; caches are not
in it. The least cycles are those of the multiply-adds alone. The figures of
ncnn 1.0.20261020 come from an earlier count with another program, and are not measured again here.

{_aarch64(results)}

## What could not be compared

{_refusals(results)}
"""


COLORS = {"onnxruntime": "#7f7f7f", "openvino": "#9467bd", "ncnn": "#2ca02c", "mnn": "#ff7f0e", "litert": "#d4b106"}
NNCC_COLORS = ["#1f5fbf", "#8fb8ee", "#0b2a5b"]


def svg(results: dict) -> str:
    """Bars: how many times as fast as the best peer every engine is, for each network."""
    engines = builds_of(results) + list(results["versions"])
    colors = {**dict(zip(builds_of(results), NNCC_COLORS * 9)), **COLORS}
    left, bar, scale, top = 150, 7, 360, 54
    group = bar * len(engines) + 10
    height, most = top + group * len(results["networks"]) + 10, 1.6
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + int(scale * most) + 40}" height="{height}" '
             'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="8" y="14" font-size="13">Speed by that of the best peer (the line): longer is faster</text>']
    x = 8
    for engine in engines:
        parts.append(f'<rect x="{x}" y="24" width="9" height="9" fill="{colors[engine]}"/><text x="{x + 12}" y="32">{escape(engine)}</text>')
        x += 30 + 6.5 * len(engine)
    for index, entry in enumerate(results["networks"]):
        y = top + index * group
        parts.append(f'<text x="{left - 6}" y="{y + group / 2}" text-anchor="end">{escape(entry["name"])}</text>')
        for place, engine in enumerate(engines):
            ratio = lead(entry, engine)
            if ratio:
                width = scale * min(ratio, most)
                parts.append(f'<rect x="{left}" y="{y + place * bar}" width="{width:.0f}" height="{bar - 1}" fill="{colors[engine]}"/>'
                             f'<text x="{left + width + 3:.0f}" y="{y + place * bar + 6}" font-size="8">{ratio:.2f}</text>')
    parts.append(f'<line x1="{left + scale}" x2="{left + scale}" y1="{top - 6}" y2="{height - 8}" stroke="#c00" stroke-dasharray="3 3"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"
