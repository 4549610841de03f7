#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write the results of the last run of the matrix as a page to look at.

    page.py BUILD

Reads BUILD/abi/results.json (tests/abi/matrix.py) and BUILD/abi/mutations.json, where the latter exists:

    {"mutations": [{"name": of the break, "change": what is broken, "caught": [what turned red]}]}

and BUILD/abi/swap.json of tests/abi/test_swap.py:

    {"folder": hash of all its files, "boots": [{"kernel": which, "release": what uname -r said, "sha256": of its image}]}

Writes BUILD/abi/page.html: one file, without scripts, that needs no network. Whatever is said by a colour is
said in words, too; tables have headers for rows and columns; wide ones scroll by themselves, so that
the page fits a telephone; on paper nothing is cut off.
"""
import html
import json
import os
import re
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
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.3rem; margin-top: 2.5rem; }
p, li, dd { max-width: 50rem; } code { overflow-wrap: anywhere; }
.verdict { padding: .8rem 1rem; font-size: 1.15rem; border: 1px solid var(--line); max-width: none; }
dl { display: grid; grid-template-columns: max-content auto; gap: .3rem .8rem; align-items: start; }
dt { padding: 0 .5rem; border: 1px solid var(--line); } dd { margin: 0; } nav a { margin-right: 1.2rem; }
.wide { overflow-x: auto; border: 1px solid var(--line); max-width: max-content; }
table { border-collapse: collapse; font-size: .85rem; }
caption { text-align: left; padding: .4rem; font-weight: bold; }
th, td { border: 1px solid var(--line); padding: .2rem .45rem; text-align: left;
  vertical-align: top; }
thead th { background: var(--soft); }
tbody th { background: var(--soft); font-weight: normal; position: sticky; left: 0;
  min-width: 14.5rem; max-width: 20rem; overflow-wrap: anywhere; }
.grid td { font-size: .7rem; padding: .1rem .25rem; text-align: center; vertical-align: middle; }
.grid td.note { text-align: left; min-width: 9rem; }
.grid thead th { text-align: center; font-size: .75rem; }
.big td strong { font-size: 1.05rem; } small { display: block; font-weight: normal; }
.names { font-size: .75rem; min-width: 26rem; max-width: 60rem; } td code { white-space: nowrap; }
.passed { background: var(--passed); } .failed { background: var(--failed); }
.refused { background: var(--refused); } .builtin { background: var(--builtin); }
.absent { background: var(--absent); } td.failed, td.refused { font-weight: bold; }
a { color: inherit; } a:focus, .wide:focus { outline: 3px solid #36c; }
@media (max-width: 40rem) { body { padding: .6rem; } tbody th { min-width: 7rem; max-width: 9rem; }
  .names { min-width: 16rem; } }
@media print { :root { --text: #000; --back: #fff; } body { max-width: none; font-size: 8pt; }
  .wide { overflow: visible; border: 0; } table { font-size: 6pt; }
  tbody th { position: static; min-width: 0; } .names { min-width: 0; } .grid td { font-size: 4pt; }
  tr { break-inside: avoid; } thead { display: table-header-group; }
  td, th { padding: 1pt 2pt; print-color-adjust: exact; } }
'''
WORDS = {
    'passed': 'The driver was installed, did its work, checked the results, and was removed, three times; '
              'not a byte was left behind.',
    'failed': 'The driver, or the kernel, did something else than it should.',
    'refused': 'The kernel did not accept the file. Of a released level none may be refused.',
    'builtin': 'The driver is part of that kernel, so its file was not installed once more.',
    'absent': 'The kernel was configured without what the driver serves, and said so.',
    'not run': 'This pair was not a part of this run.'}
RANK = ['failed', 'refused', 'absent', 'builtin', 'passed']
BAD = ('failed', 'refused')
ORIGINS = ['today', 'wall', 'future', 'level']
SETS = [('level', 'Released drivers', 'old drivers on new kernels',
         'They were compiled when their level was released, by many compilers and from several languages, and '
         'are never compiled again. They must run on every kernel that there will ever be.'),
        ('tree', "Today's drivers", 'new drivers on old kernels',
         'They are compiled from today\'s sources. Those that need nothing newer must run on every kernel that '
         'was released.'),
        ('later', "Today's drivers, compiled with headers of the future", 'drivers of tomorrow on kernels of '
         'today',
         'As today\'s, but with headers in which every struct has grown.')]


class Html(str):
    """Text that needs no quoting."""


def text(value):
    return value if isinstance(value, Html) else html.escape(str(value), quote=True)


def counted(number, what):
    return f'{number} {what}{"s" * (number != 1)}'


def cell_of(cell, head):
    """@p cell: words, or (words, class)"""
    words, kind = cell if isinstance(cell, tuple) else (cell, None)
    if head:
        return f'<th scope="row">{text(words)}</th>'
    return f'<td{f""" class="{kind}" """.rstrip() if kind else ""}>{text(words)}</td>'


def table(caption, heads, rows, kind='', above=None):
    """@p rows: cells of each row, of which the first heads it. @p above: [(words, columns)] over the heads"""
    out = [f'<div class="wide" tabindex="0" role="region" aria-label="{text(caption)}">'
           f'<table{f""" class="{kind}" """.rstrip() if kind else ""}><caption>{text(caption)}</caption><thead>']
    if above:
        out.append('<tr>' + ''.join(
            f'<th scope="{"colgroup" if count > 1 else "col"}" colspan="{count}">{text(words)}</th>'
            for words, count in above) + '</tr>')
    out.append('<tr>' + ''.join(f'<th scope="col">{text(x)}</th>' for x in heads) + '</tr></thead><tbody>')
    out += ['<tr>' + ''.join(cell_of(x, not at) for at, x in enumerate(row)) + '</tr>' for row in rows]
    out.append('</tbody></table></div>')
    return '\n'.join(out)


# ---- what is shown where ----

def group_of(kernel):
    """The heading under which a kernel stands, and its own."""
    title, origin = kernel['title'], kernel['origin']
    if origin.startswith('level'):
        return f'kernel that was released with {origin}', title
    if origin == 'future':
        return 'kernel of the future', 'future'
    if origin == 'wall':
        return "today's kernel, each driver behind a wall", 'wall'
    if title.startswith('randconfig'):
        return "today's kernel, configured at random (seed)", title.split()[-1]
    return "today's kernel", title


def place_of(kernel):
    """Where it stands among the others: as in ORIGINS, at last seeds by their number."""
    seed = re.fullmatch(r'randconfig (\d+)', kernel['title'])
    return len(ORIGINS) if seed else ORIGINS.index(kernel['origin'].split()[0]), int(seed[1]) if seed else 0


def groups(data):
    """{heading: [kernels]}"""
    found = {}
    for ident, kernel in sorted(data['kernels'].items(), key=lambda x: place_of(x[1])):
        found.setdefault(group_of(kernel)[0], []).append(ident)
    return found


def drivers_of(data, begins):
    return [x for x, y in data['drivers'].items() if y['origin'].startswith(begins)]


def worst(results):
    """{(driver, kernel): (verdict, {words: processors})}: of all numbers of processors"""
    found = {}
    for result in results:
        key = result['driver'], result['kernel']
        verdict, words = found.get(key, ('passed', {}))
        if key not in found or RANK.index(result['verdict']) < RANK.index(verdict):
            verdict = result['verdict']
        if result['verdict'] in BAD:
            words.setdefault(result['words'], []).append(result['cpus'])
        found[key] = verdict, words
    return found


# ---- the sections ----

def overview(data, found):
    kinds, rows = groups(data), []
    for begins, title, direction, _ in SETS:
        names, row = drivers_of(data, begins), [Html(f'<strong>{title}</strong><small>{direction}</small>')]
        for kernels in kinds.values():
            cells = [found[x, y][0] for x in names for y in kernels if (x, y) in found]
            bad = sum(x in BAD for x in cells)
            size = f'<small>{counted(len(names), "driver")} on {counted(len(kernels), "kernel")}</small>'
            if not cells:
                row.append(('not run', 'none'))
            elif bad:
                row.append((Html(f'<strong>{bad} of {len(cells)} did not pass</strong>{size}'), 'failed'))
            else:
                row.append((Html(f'<strong>all passed</strong>{size}'), 'passed'))
        rows.append(row)
    return [table('All drivers on all kernels', ['drivers', *kinds], rows, 'big')]


def place_in_words(kernel, cpus):
    return f'{kernel["title"]} ({kernel["origin"]}), {" and ".join(map(str, sorted(cpus)))} processors'


def complaints(found, data):
    """The same words about a driver stand there once."""
    said = {}
    for (driver, kernel), (verdict, words) in sorted(found.items()):
        for sentence, cpus in words.items():
            said.setdefault((driver, verdict, sentence), []).append(
                place_in_words(data['kernels'][kernel], cpus))
    if not said:
        return ['<p>Everything that was run has passed.</p>']
    rows = [[driver, (verdict, verdict), sentence, Html('<br>'.join(map(text, places)))]
            for (driver, verdict, sentence), places in said.items()]
    return [table('What did not pass, in words', ['driver', 'verdict', 'what it or the kernel said', 'where'],
                  rows)]


def cell(found, driver, kernel):
    verdict = found.get((driver, kernel), ('not run', {}))[0]
    return verdict, verdict.replace('not run', 'none')


def grid(caption, data, found, names, notes):
    """Drivers down, kernels across."""
    kinds = groups(data)
    order = [x for kernels in kinds.values() for x in kernels]
    above = [('', 2), *((title, len(kernels)) for title, kernels in kinds.items())]
    heads = ['driver', 'made from', *(group_of(data['kernels'][x])[1] for x in order)]
    rows = [[name, (note, 'note')] + [cell(found, name, x) for x in order]
            for name, note in zip(names, notes)]
    return table(caption, heads, rows, 'grid', above)


def made_from(driver):
    return driver.get('made') or driver['compiler'] or 'not stated in the file'


def matrices(data, found):
    out = []
    for begins, title, direction, words in SETS:
        names = drivers_of(data, begins)
        out.append(f'<h2 id="{begins}">{title}: {direction}</h2><p>{words}</p>')
        if names:
            out.append(grid(f'{title}: {len(names)} on {len(data["kernels"])} kernels', data, found, names,
                            [made_from(data['drivers'][x]) for x in names]))
        else:
            out.append('<p>None in this run.</p>')
    out.append('<h3>What concerns all drivers of a kernel together</h3>'
               '<p>Memory that was not given back, complaints of the kernel, an end of the machine.</p>')
    out.append(grid('All drivers together', data, found, ['all'], ['']))
    return out


def levels(data):
    rows = [[f'level {x["level"]}', x['since'], x['state'], x['functions']] for x in data.get('levels', [])]
    return ['<p>The driver API grows by levels. What a level promises is never changed again, and a kernel of a '
            'level has all of those before it.</p>',
            table('Levels of the driver API', ['level', 'since release', 'state', 'functions that it brought'], rows)]


def needs(data):
    rows = [[name, x['origin'], made_from(x), f'level {x["level"]}', len(x['functions']),
             (', '.join(x['functions']) or 'none', 'names'), ', '.join(x['drivers']) or 'none',
             ', '.join(x['optional']) or 'none', Html(f'<code>{x["sha256"][:16]}</code>')]
            for name, x in data['drivers'].items()]
    return ['<p>Without what is optional a driver runs, too.</p>',
            table('What each driver needs', ['driver', 'of', 'made from', 'needs', 'functions of the kernel', 'which',
                                             'functions of other drivers', 'optional', 'SHA-256 begins'], rows)]


def kernels_table(data):
    rows = [[x['title'], group_of(x)[0], x['sha256'] or 'not built'] for x in data['kernels'].values()]
    return [table('Kernels of this run', ['kernel', 'of', 'SHA-256 of the image'], rows)]


def swap_table(swap):
    out = ['<p>The folder <code>/lib/banos/drivers</code> belongs to no kernel. It was left as it was, kernels '
           'were swapped under it, forward and back, and on each the drivers were found and installed by '
           'three different programs: our modprobe, that of BusyBox, and that of kmod.</p>']
    if swap is None:
        return out + ['<p>Not run. <code>make check-abi-long</code> does it.</p>']
    rows = [[f'boot {number}', x['kernel'], x['release'], x['sha256'], swap['folder'][:16]]
            for number, x in enumerate(swap['boots'], 1)]
    return out + [table('Kernels over one folder', ['boot', 'kernel', 'uname -r', 'SHA-256 of the image',
                                                    'SHA-256 of the folder begins'], rows)]


def mutations_table(mutations):
    out = ['<p>To show that the tests above can fail: each line is a deliberate break of the driver ABI, made in '
           'a copy of the sources, and the test that noticed it. A break that nothing catches is a fault of '
           'the tests.</p>']
    if mutations is None:
        return out + ['<p>Not run. <code>make check-mutations</code> does it.</p>']
    rows = []
    for x in mutations['mutations']:
        caught = x.get('caught') or []
        rows.append([x['name'], x.get('change', ''), ('caught', 'passed') if caught else
                     ('not caught', 'failed'), ', '.join(caught) or 'nothing'])
    missed = sum(row[2][0] == 'not caught' for row in rows)
    out.append(f'<p><strong>{len(rows)} breaks, {missed} not caught.</strong></p>')
    return out + [table('Breaks, and what caught them', ['name', 'what is broken', 'verdict', 'by'], rows)]


def head(data):
    counts = {x: sum(y['verdict'] == x for y in data['results']) for x in RANK}
    bad, made = counts['failed'] + counts['refused'], data['made']
    answer = f'{bad} of {len(data["results"])} runs of a driver did not pass.' if bad else \
        f'Everything passed: {len(data["results"])} runs of a driver.'
    summary = ', '.join(f'{counts[x]} {x}' for x in reversed(RANK) if counts[x])
    return [
        '<h1>Banos: which drivers run on which kernels</h1>',
        '<p>A driver of Banos is compiled once. The same file then runs on every later kernel, on every earlier '
        'kernel that has what it needs, and on every configuration of either. This page is the last test of '
        'that promise: each driver was installed on each kernel, did its work, and was removed.</p>',
        f'<p class="verdict {"failed" if bad else "passed"}"><strong>{answer}</strong> {len(data["drivers"])} '
        f'drivers, {len(data["kernels"])} kernels; {summary}.</p>',
        f'<p>Made {text(made["when"])} from commit <code>{text(made["commit"])}</code>, release '
        f'{text(made["version"] or "not stated")}, by <code>make check-abi{"-long" * (made["form"] == "long")}'
        f'</code> in {made["seconds"] // 60} min {made["seconds"] % 60} s. A cell has the worst verdict of all '
        'runs of that pair, with one processor and with four.</p>']


def page(data, mutations, swap=None):
    found = worst(data['results'])
    sections = [('words', 'The words in the tables',
                 ['<dl>', *(f'<dt class="{x}">{x}</dt><dd>{y}</dd>' for x, y in WORDS.items()), '</dl>']),
                ('bad', 'What did not pass', complaints(found, data)),
                (None, None, matrices(data, found)),
                ('levels', 'Levels', levels(data)),
                ('needs', 'What each driver needs', needs(data)),
                ('kernels', 'Kernels', kernels_table(data)),
                ('swap', 'One folder of drivers for all kernels', swap_table(swap)),
                ('breaks', 'Would the tests notice?', mutations_table(mutations))]
    links = [(x, y) for x, y, _ in sections[:2] if x] + [(x, y) for x, y, _, _ in SETS] + \
        [(x, y) for x, y, _ in sections[3:]]
    return '\n'.join([
        '<!DOCTYPE html>', '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<title>Banos: drivers and kernels</title>', '<link rel="icon" href="data:,">',
        f'<style>{STYLE}</style></head><body><main>', *head(data), *overview(data, found),
        '<nav><p>On this page: ' + ' '.join(f'<a href="#{x}">{y}</a>' for x, y in links) + '</p></nav>',
        *(line for ident, title, lines in sections
          for line in ([f'<h2 id="{ident}">{title}</h2>'] if ident else []) + lines),
        '</main></body></html>', ''])


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
        f.write(page(data, read(f'{folder}/mutations.json'), read(f'{folder}/swap.json')))
    print(f'{folder}/page.html')


if __name__ == '__main__':
    main()
