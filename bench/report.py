# SPDX-License-Identifier: BSD-2-Clause
"""The page build/bench/report.html: one file, no script, in light and dark.

Bars for single operations, curves over the number of domains and the size of a guest, every figure
in a table with the counts that instructions do not price, and the command that made it.
"""
import html
import math
import os
import re

STYLE = '''
:root { --page:#fbfaf7; --ink:#1d2430; --soft:#667080; --line:#e2ded4; --card:#ffffff;
  --fief:#2f6f5e; --xen:#c9824b; --metal:#8a94a6; --good:#2f6f5e; --bad:#b23a2e; }
@media (prefers-color-scheme: dark) { :root { --page:#14181d; --ink:#e6e8ea; --soft:#8d97a3;
  --line:#2a3139; --card:#1b2026; --fief:#5fbf9f; --xen:#e0a06b; --metal:#7d8899; --good:#5fbf9f;
  --bad:#f0776a; } }
* { box-sizing:border-box }
body { margin:0; background:var(--page); color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif }
main { max-width:1080px; margin:0 auto; padding:40px 24px 80px }
h1 { font-size:32px; margin:0 0 6px; letter-spacing:-.02em }
h2 { font-size:20px; margin:44px 0 6px }
p { color:var(--soft); max-width:46em; margin:4px 0 14px }
.tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(150px,1fr)); gap:12px;
  margin:24px 0 }
.tile,.card { background:var(--card); border:1px solid var(--line); border-radius:12px;
  padding:14px 16px }
.tile b { display:block; font-size:26px; letter-spacing:-.02em }
.tile span { color:var(--soft); font-size:13px }
.card { margin:12px 0; overflow-x:auto }
.pair { display:grid; grid-template-columns:repeat(auto-fit,minmax(420px,1fr)); gap:12px }
table { border-collapse:collapse; width:100%; font-size:13px }
th { text-align:right; color:var(--soft); font-weight:500; padding:4px 8px;
  border-bottom:1px solid var(--line); white-space:nowrap }
td { text-align:right; padding:4px 8px; border-bottom:1px solid var(--line);
  font-variant-numeric:tabular-nums; white-space:nowrap }
th:first-child,td:first-child { text-align:left; white-space:normal }
.met { color:var(--good) } .missed { color:var(--bad); font-weight:600 }
svg { display:block } svg text { fill:var(--ink); font:12px system-ui,sans-serif }
svg .soft { fill:var(--soft) } svg .met { fill:var(--good) } svg .missed { fill:var(--bad) }
svg .title { font-weight:600 }
.key i { display:inline-block; width:10px; height:10px; border-radius:3px; margin:0 6px 0 14px }
code { font:12px ui-monospace,monospace; overflow-wrap:anywhere }
details p { max-width:none }
details { margin:6px 0 } summary { cursor:pointer; color:var(--soft); font-size:13px }
'''

INTRO = '''Debian's unmodified Xen 4.17 and Fief, one after the other on the same emulated machine
(QEMU virt, GICv3, cortex-a57, one CPU), with the same guests. A figure is, where nothing else is
said, the number of instructions that the hypervisor itself executes. QEMU counts, and for
bare-metal guests gives the same count every time; with Debian as dom0 two runs differ by a few
percent.'''

LEFT_OUT = '''Instructions are not time. An emulated machine has no caches, no TLB to miss, and its
traps, barriers and TLB invalidations cost nothing; so traps, interrupts, TLBI and DSB have columns
of their own. Clearing memory, and writing it back from the caches, is taken out of each figure and
has its own table. Nothing here was measured on real hardware.'''

KEY = '''<div class="key"><i style="background:var(--fief)"></i>Fief
<i style="background:var(--xen)"></i>Xen 4.17
<i style="background:var(--metal)"></i>bare metal, where there is such a bar
(shorter is better; a ratio in red misses its target)</div>'''

# Who is measured, and the colour of each.
WHO = (('Fief', 'fief'), ('Xen', 'xen'), ('bare metal', 'metal'))
COLUMNS = (('traps', 'traps'), ('interrupts', 'irqs'), ('tlbi', 'TLBI'), ('dsb', 'DSB'))


def sized(value):
    if value is None:
        return '–'
    for limit, letter in ((1e9, 'G'), (1e6, 'M'), (1e4, 'k')):
        if value >= limit:
            number = value / {'G': 1e9, 'M': 1e6, 'k': 1e3}[letter]
            return f'{number:.3g} {letter}'
    return f'{value:.0f}' if value >= 100 or value == int(value) else f'{value:.3g}'


def ratio(row):
    fief, xen = row.get('Fief'), row.get('Xen')
    return fief['value'] / xen['value'] if fief and xen and xen['value'] else None


def either(row):
    return next(row[who] for who, _ in WHO if who in row)


def verdict(row):
    """(class, text) of a row's ratio."""
    r = ratio(row)
    if r is None:
        return '', '–'
    return ('met' if r <= either(row)['target'] else 'missed'), f'{r:.3f}'


def bars(rows):
    """A bar for each hypervisor in each row, on a logarithmic scale, because the rows lie far
    apart; the ratio at the right end."""
    width, left, room, thick = 1000, 400, 470, 14
    values = [row[who]['value'] for row in rows for who, _ in WHO if who in row]
    low = min((v for v in values if v > 0), default=1) / 2
    scale = room / math.log(max(max(values) / low, 2))
    out, y = [f'<text class="soft" x="{width}" y="12" text-anchor="end">Fief / Xen</text>'], 20
    for row in rows:
        there = [(who, colour) for who, colour in WHO if who in row]
        middle = y + len(there) * thick / 2 + 4
        kind, text = verdict(row)
        out.append(f'<text x="0" y="{middle:g}">{html.escape(row["name"])}</text>'
                   f'<text class="{kind}" x="{width}" y="{middle:g}" text-anchor="end">{text}'
                   '</text>')
        for who, colour in there:
            value = row[who]['value']
            length = max(2, math.log(value / low) * scale) if value > 0 else 0
            out.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{thick - 2}" rx="3" '
                       f'fill="var(--{colour})"/><text class="soft" x="{left + length + 6:.1f}" '
                       f'y="{y + thick - 3}">{sized(value)}</text>')
            y += thick
        y += 10
    return (f'<svg viewBox="0 0 {width} {y}" width="100%" role="img" '
            f'aria-label="bars, logarithmic">{"".join(out)}</svg>')


# A curve's picture: its size, and the plot's left end, width, top and bottom in it.
WIDTH, HEIGHT, LEFT, ROOM, TOP, BOTTOM = 520, 270, 60, 440, 52, 222


def axes(title, unit_x, unit_y, ticks_x, ticks_y):
    """What surrounds a curve; ticks are (position, value)."""
    out = [f'<text class="title" x="0" y="14">{html.escape(title)}</text>'
           f'<text class="soft" x="0" y="34">{unit_y}</text>'
           f'<text class="soft" x="{LEFT + ROOM}" y="{HEIGHT - 6}" text-anchor="end">{unit_x}'
           '</text>']
    for at, value in ticks_y:
        out.append(f'<line x1="{LEFT}" x2="{LEFT + ROOM}" y1="{at:.0f}" y2="{at:.0f}" '
                   f'stroke="var(--line)"/><text class="soft" x="{LEFT - 8}" y="{at + 4:.0f}" '
                   f'text-anchor="end">{sized(value)}</text>')
    for at, value in ticks_x:
        out.append(f'<text class="soft" x="{at:.0f}" y="{BOTTOM + 18}" text-anchor="middle">'
                   f'{value:g}</text>')
    return out


def curve(title, points, unit_x, logarithmic):
    """points: [(x, Fief or None, Xen or None)]. Both axes logarithmic, or both from zero."""
    xs = [p[0] for p in points]
    ys = [v for p in points for v in p[1:] if v]
    if len(points) < 2 or not ys:
        return ''

    def part(value, low, high):
        return math.log(value / low) / math.log(high / low) if logarithmic else value / high

    x_low, x_high, y_low, y_high = min(xs), max(xs), min(ys) / 1.5, max(ys) * 1.15

    def across(x):
        return LEFT + part(x, x_low, x_high) * ROOM

    def up(y):
        return BOTTOM - part(y, y_low, y_high) * (BOTTOM - TOP)

    steps = [k / 4 for k in range(5)]
    ticks_y = [(BOTTOM - k * (BOTTOM - TOP),
                y_low * (y_high / y_low) ** k if logarithmic else y_high * k) for k in steps]
    out = axes(title, unit_x, 'instructions, logarithmic' if logarithmic else 'instructions',
               [(across(x), x) for x in xs], ticks_y)
    for index, colour in ((2, 'xen'), (1, 'fief')):
        dots = [(across(p[0]), up(p[index])) for p in points if p[index]]
        line = ' '.join(f'{x:.1f},{y:.1f}' for x, y in dots)
        out.append(f'<polyline points="{line}" fill="none" stroke="var(--{colour})" '
                   f'stroke-width="2.5" stroke-linejoin="round"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="var(--{colour})"/>'
                for x, y in dots]
    return (f'<div class="card"><svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" '
            f'aria-label="{html.escape(title)}">{"".join(out)}</svg></div>')


def series(rows, group, pattern, number):
    """The group's rows that match as points; number makes x of the match."""
    points = []
    for row in rows:
        match = re.fullmatch(pattern, row['name'])
        if match and row['group'] == group:
            points.append((number(match), *((row.get(w) or {}).get('value')
                                            for w in ('Fief', 'Xen'))))
    return sorted(points)


def mib(match):
    return float(match.group(1)) * (1024 if match.group(2) == 'GiB' else 1)


def curves(rows):
    out = []
    for what in ('create', 'populate', 'destroy'):
        points = series(rows, 'life of a domain', rf'{what}, 1 vcpu, (\d+) (MiB|GiB)', mib)
        out.append(curve(f'{what}: by size of the guest', points, 'MiB of guest', True))
    for what in ('create 16 MiB', 'populate 16 MiB', 'destroy 16 MiB', 'list all', 'null hypercall',
                 'event channel opened and closed'):
        points = series(rows, 'costs among many domains', rf'{what}, domains there already: (\d+)',
                        lambda match: float(match.group(1)) + 1)
        out.append(curve(f'{what}: by number of domains', points, 'domains', False))
    return f'<div class="pair">{"".join(out)}</div>' if any(out) else ''


def table(rows):
    head = ''.join(f'<th>{name} F / X</th>' for _, name in COLUMNS)
    people = [(who, colour) for who, colour in WHO if any(who in row for row in rows)]
    names = ''.join(f'<th>{who}</th>' for who, _ in people)
    out = [f'<table><tr><th>figure</th>{names}<th>ratio</th><th>target</th>{head}</tr>']
    for row in rows:
        kind, text = verdict(row)
        cells = []
        for key, _ in COLUMNS:
            pair = [((row.get(w) or {}).get('columns') or {}).get(key) for w in ('Fief', 'Xen')]
            cells.append(f'<td>{" / ".join(sized(v) for v in pair)}</td>')
        values = ''.join(f'<td>{sized(row[w]["value"]) if w in row else "–"}</td>'
                         for w, _ in people)
        out.append(f'<tr><td>{html.escape(row["name"])}</td>{values}<td class="{kind}">{text}</td>'
                   f'<td>{either(row)["target"]:.3g}</td>{"".join(cells)}</tr>')
    return ''.join(out) + '</table>'


def commands(rows):
    lines = list(dict.fromkeys(row[w]['command'] for row in rows for w, _ in WHO
                               if w in row and row[w]['command']))
    text = ''.join(f'<p><code>{html.escape(line)}</code></p>' for line in lines)
    return f'<details><summary>the commands that made these figures</summary>{text}</details>'


def section(group, rows):
    unit = either(rows[0])['unit']
    return (f'<h2>{html.escape(group[:1].upper() + group[1:])}</h2><p>{unit}, logarithmic scale</p>'
            f'<div class="card">{bars(rows)}</div><details><summary>as a table, with traps, '
            f'interrupts, TLB invalidations and barriers</summary><div class="card">{table(rows)}'
            f'</div></details>{commands(rows)}')


def tiles(rows):
    ratios = [r for r in (ratio(row) for row in rows) if r]
    met = sum(1 for row in rows if verdict(row)[0] == 'met')
    behind = sum(1 for r in ratios if r > 1)
    middle = sorted(ratios)[len(ratios) // 2] if ratios else 0
    shown = ((str(len(rows)), 'figures'), (f'{met} of {len(ratios)}', 'meet their target'),
             (f'{middle:.2f}', 'median ratio, Fief to Xen'), (str(behind), 'where Fief is behind'))
    return '<div class="tiles">' + ''.join(
        f'<div class="tile"><b>{value}</b><span>{text}</span></div>' for value, text in shown) + \
        '</div>'


def write(rows, failures, folder):
    """Writes the page; rows as run.py keeps them in figures.json. Gives its path."""
    groups = {}
    for row in rows:
        groups.setdefault(row['group'], []).append(row)
    failed = ''.join(f'<p class="missed">failed: {html.escape(text)}</p>' for text in failures)
    body = ''.join(section(group, part) for group, part in groups.items())
    path = os.path.join(folder, 'report.html')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
            'content="width=device-width"><meta name="color-scheme" content="light dark">'
            f'<title>Fief beside Xen</title><style>{STYLE}</style><main><h1>Fief beside Xen</h1>'
            f'<p>{INTRO}</p>{failed}{tiles(rows)}{KEY}'
            f'{"<h2>How costs grow</h2>" + curves(rows) if curves(rows) else ""}{body}'
            f'<h2>What the figures leave out</h2><p>{LEFT_OUT}</p></main></html>\n')
    return path
