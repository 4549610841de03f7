#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write the results of the last run of the matrix as a page to look at.

    page.py BUILD

Reads BUILD/abi/results.json (tests/abi/matrix.py) and BUILD/abi/mutations.json, where the latter exists:

    {"mutations": [{"name": what was broken, "change": how, "caught": [what turned red]}]}

Writes BUILD/abi/page.html: one file, without scripts, that needs no network. Whatever is said by a colour is
said in words, too; tables have headers for rows and columns; wide ones scroll by themselves, so that
the page fits a telephone; on paper nothing is cut off.
"""
import html
import json
import os
import sys

STYLE = '''
:root { color-scheme: light dark; --text: #1a1a1a; --back: #fff; --line: #bbb; --soft: #f3f3f3;
  --passed: #d7f0d7; --failed: #ffc9c4; --refused: #ffdca8; --builtin: #e2e2f5; --absent: #e8e8e8; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8e8; --back: #161616; --line: #555;
  --soft: #222; --passed: #1d4023; --failed: #6e1e1a; --refused: #5e4210; --builtin: #2c2c50;
  --absent: #333; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 110rem; color: var(--text);
  background: var(--back); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
p, li { max-width: 45rem; } code { overflow-wrap: anywhere; }
.wide { overflow-x: auto; border: 1px solid var(--line); }
table { border-collapse: collapse; font-size: .85rem; }
caption { text-align: left; padding: .4rem; font-weight: bold; }
th, td { border: 1px solid var(--line); padding: .2rem .45rem; text-align: left;
  vertical-align: top; }
thead th { background: var(--soft); }
tbody th { background: var(--soft); font-weight: normal; position: sticky; left: 0;
  max-width: 20rem; overflow-wrap: anywhere; }
td.passed { background: var(--passed); } td.failed { background: var(--failed); font-weight: bold; }
td.refused { background: var(--refused); font-weight: bold; } td.builtin { background: var(--builtin); }
td.absent { background: var(--absent); } td.none { color: inherit; }
a { color: inherit; } a:focus, .wide:focus { outline: 3px solid #36c; }
@media (max-width: 40rem) { body { padding: .6rem; } tbody th { max-width: 9rem; } }
@media print { :root { --text: #000; --back: #fff; } body { max-width: none; font-size: 8pt; }
  .wide { overflow: visible; border: 0; } table { font-size: 6pt; } tbody th { position: static; }
  tr { break-inside: avoid; } thead { display: table-header-group; }
  td, th { padding: 1pt 2pt; print-color-adjust: exact; } }
'''
WORDS = {
    'passed': 'installed, did its work, and was removed; nothing was left behind',
    'failed': 'it, or the kernel, did something else than it should',
    'refused': 'the kernel did not accept the file; of level 1 none may be refused',
    'builtin': 'part of that kernel already, so it was not installed once more',
    'absent': 'the kernel was configured without what the driver serves, and said so',
    'not run': 'not a part of this run'}
RANK = ['failed', 'refused', 'absent', 'builtin', 'passed']
ORIGINS = [('level', 'Drivers of releases'), ('tree', 'Drivers of the tree'),
           ('later', 'Drivers of the tree, compiled with headers of the future')]


def text(value):
    return html.escape(str(value), quote=True)


def table(caption, heads, rows, row_head=True):
    """@p rows: cells of each row: (words, class) or words; the first heads the row"""
    out = [f'<div class="wide" tabindex="0" role="region" aria-label="{text(caption)}"><table>'
           f'<caption>{text(caption)}</caption><thead><tr>']
    out += [f'<th scope="col">{text(x)}</th>' for x in heads]
    out.append('</tr></thead><tbody>')
    for row in rows:
        out.append('<tr>')
        for at, cell in enumerate(row):
            words, kind = cell if isinstance(cell, tuple) else (cell, None)
            if not at and row_head:
                out.append(f'<th scope="row">{text(words)}</th>')
            else:
                out.append(f'<td{f""" class="{kind}" """.rstrip() if kind else ""}>{text(words)}</td>')
        out.append('</tr>')
    out.append('</tbody></table></div>')
    return '\n'.join(out)


def worst(results):
    """{(driver, kernel): (verdict, [words])}: of all numbers of processors"""
    found = {}
    for result in results:
        key = result['driver'], result['kernel']
        verdict, words = found.get(key, ('passed', []))
        if key not in found or RANK.index(result['verdict']) < RANK.index(verdict):
            verdict = result['verdict']
        if result['verdict'] in ('failed', 'refused'):
            words = words + [f'{result["cpus"]} processors: {result["words"]}']
        found[key] = verdict, words
    return found


def cell(found, driver, kernel):
    verdict, _ = found.get((driver, kernel), ('not run', []))
    return verdict, verdict.replace('not run', 'none')


def matrices(data, found):
    kernels = data['kernels']
    heads = ['driver'] + [f'{x["title"]} ({x["origin"]})' for x in kernels.values()]
    out = []
    for begins, title in ORIGINS:
        names = [x for x, y in data['drivers'].items() if y['origin'].startswith(begins)]
        out.append(f'<h2>{title}</h2>')
        if names:
            rows = [[x] + [cell(found, x, y) for y in kernels] for x in names]
            out.append(table(f'{title}: {len(names)} on {len(kernels)} kernels', heads, rows))
        else:
            out.append('<p>None in this run.</p>')
    rows = [['all together'] + [cell(found, 'all', y) for y in kernels]]
    out.append('<h2>What concerns all drivers of a kernel</h2>'
               '<p>Memory that was not given back, complaints of the kernel, an end of the machine.</p>')
    out.append(table('All drivers together', heads, rows))
    return out


def complaints(data, found):
    rows = [[driver, data['kernels'][kernel]['title'], (verdict, verdict), '; '.join(words)]
            for (driver, kernel), (verdict, words) in sorted(found.items())
            if verdict in ('failed', 'refused')]
    out = ['<h2>What did not pass</h2>']
    if rows:
        return out + [table('What did not pass, in words', ['driver', 'kernel', 'verdict', 'words'],
                            rows)]
    return out + ['<p>Everything that was run has passed.</p>']


def needs(data):
    rows = [[name, x['origin'], x['compiler'] or 'not stated in the file', f'level {x["level"]}',
             len(x['functions']), ', '.join(x['functions']) or 'none', ', '.join(x['drivers']) or 'none',
             ', '.join(x['optional']) or 'none']
            for name, x in data['drivers'].items()]
    return ['<h2>Levels, and what each driver needs</h2>',
            '<p>A kernel of a level has every function of that level and of those before it. What is '
            'optional a driver does without where it does not exist.</p>',
            table('What each driver needs', ['driver', 'of', 'compiler', 'needs', 'functions of the kernel',
                                             'which', 'functions of other drivers', 'optional'], rows)]


def kernels_table(data):
    rows = [[x['title'], x['origin'], x['sha256'] or 'not built'] for x in data['kernels'].values()]
    return ['<h2>Kernels</h2>', table('Kernels of this run', ['kernel', 'of', 'SHA-256 of the image'], rows)]


def mutations_table(mutations):
    out = ['<h2>Mutations</h2>',
           '<p>Each is a deliberate break of the driver ABI. One that nothing catches is a fault of the '
           'tests.</p>']
    if mutations is None:
        return out + ['<p>Not run.</p>']
    rows = []
    for x in mutations['mutations']:
        caught = x.get('caught') or []
        rows.append([x['name'], x.get('change', ''), ('caught', 'passed') if caught else
                     ('not caught', 'failed'), ', '.join(caught) or 'nothing'])
    missed = sum(row[2][0] == 'not caught' for row in rows)
    out.append(f'<p>{len(rows)} mutations, {missed} not caught.</p>')
    return out + [table('Mutations, and what caught them', ['break', 'change', 'verdict', 'by'], rows)]


def page(data, mutations):
    found = worst(data['results'])
    counts = {x: sum(y['verdict'] == x for y in data['results']) for x in RANK}
    made = data['made']
    summary = ', '.join(f'{counts[x]} {x}' for x in reversed(RANK) if counts[x])
    good = not counts['failed'] and not counts['refused']
    return '\n'.join([
        '<!DOCTYPE html>', '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<title>Banos: drivers and kernels</title>', '<link rel="icon" href="data:,">',
        f'<style>{STYLE}</style></head><body><main>',
        '<h1>Banos: which drivers run on which kernels</h1>',
        f'<p><strong>{"Everything passed" if good else "Something did not pass"}</strong>: '
        f'{len(data["drivers"])} drivers, {len(data["kernels"])} kernels, {len(data["results"])} '
        f'results: {summary}.</p>',
        f'<p>Made {text(made["when"])} from commit <code>{text(made["commit"])}</code>, release '
        f'{text(made["version"] or "not stated")}, by the {text(made["form"])} form, in '
        f'{made["seconds"]} seconds. Old drivers on new kernels are in the first table, new drivers on '
        'old kernels in the columns of a level of the second. Each kernel ran with as many '
        'processors as the form says; a cell has the worst verdict of them.</p>',
        '<h2>The words in the tables</h2>', '<dl>',
        *(f'<dt><strong>{x}</strong></dt><dd>{y}</dd>' for x, y in WORDS.items()), '</dl>',
        *complaints(data, found), *matrices(data, found), *kernels_table(data), *needs(data),
        *mutations_table(mutations), '</main></body></html>', ''])


def read(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def main():
    folder = f'{sys.argv[1]}/abi'
    data = read(f'{folder}/results.json')
    if data is None:
        sys.exit(f'{folder}/results.json does not exist: make check-abi or check-abi-long writes it')
    with open(f'{folder}/page.html', 'w', encoding='utf-8') as f:
        f.write(page(data, read(f'{folder}/mutations.json')))
    print(f'{folder}/page.html')


if __name__ == '__main__':
    main()
