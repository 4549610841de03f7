# SPDX-License-Identifier: MIT
"""The page of the matrix says what the results say, and a browser shows it."""
import copy
import html.parser
import json
import re
import shutil
import subprocess

import page
import pytest

BROWSER = shutil.which('chromium') or shutil.which('google-chrome')
PHONE, LIMIT_S = 360, 60
DRIVER = {'origin': 'tree', 'compiler': 'gcc <12>', 'level': 1, 'functions': ['banos_alloc'], 'drivers': [],
          'optional': ['banos_coffee'], 'sha256': 'ab' * 32, 'size': 1, 'imports': 2, 'file': 'x'}
DATA = {
    'made': {'when': 'now', 'commit': 'c0ffee', 'form': 'short', 'seconds': 1, 'version': '0.2.0'},
    'drivers': {'tree/good': DRIVER, 'tree/bad&ugly': DRIVER,
                '1/old': dict(DRIVER, origin='level 1', made='Ada, gnat-12'),
                **{f'later/{x}': dict(DRIVER, origin='later headers') for x in range(30)}},
    'kernels': {**{f'random-{n}': {'title': f'randconfig {n}', 'origin': 'today', 'sha256': 'cd' * 32}
                   for n in (10, 9, *range(1, 9), *range(11, 21))},
                **{x: {'title': x, 'origin': 'today', 'sha256': 'cd' * 32} for x in ('default', 'debug')},
                '1-tiny': {'title': 'tiny', 'origin': 'level 1', 'sha256': 'cd' * 32}},
    'levels': [{'level': 1, 'since': '0.2.0', 'state': 'frozen', 'functions': 151}],
    'results': [
        {'driver': 'tree/good', 'kernel': 'default', 'cpus': 1, 'verdict': 'passed', 'words': ''},
        {'driver': 'tree/good', 'kernel': 'debug', 'cpus': 1, 'verdict': 'passed', 'words': ''},
        {'driver': 'tree/good', 'kernel': 'debug', 'cpus': 4, 'verdict': 'failed', 'words': 'because <so>'},
        {'driver': 'tree/bad&ugly', 'kernel': 'default', 'cpus': 1, 'verdict': 'refused',
         'words': 'it needs banos_tea'},
        {'driver': '1/old', 'kernel': 'default', 'cpus': 1, 'verdict': 'builtin', 'words': ''}]}
MUTATIONS = {'mutations': [{'name': 'widen', 'change': 'u32 to u64', 'caught': ['abi-dump']},
                           {'name': 'lost', 'change': 'nothing', 'caught': []}]}

SWAP = {'folder': 'ef' * 32, 'boots': [{'kernel': 'tiny (today)', 'release': '6.1.0-banos7.8.9', 'sha256': 'ab' * 32}]}


class Tables(html.parser.HTMLParser):
    """Cells of all tables: {caption: [[words]]}; and whether tags close as they should."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.open, self.caption, self.cell, self.scopes = {}, [], None, None, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ('meta', 'link'):
            self.open.append(tag)
        if tag == 'th':
            self.scopes.append(dict(attrs).get('scope'))
        if tag == 'tr':
            self.tables[self.caption].append([])
        if tag in ('td', 'th', 'caption'):
            self.cell = ''

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == 'caption':
            self.caption = self.cell
            self.tables[self.caption] = []
        if tag in ('td', 'th'):
            self.tables[self.caption][-1].append(self.cell)
        if tag in ('td', 'th', 'caption'):
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data


def row(rows, first):
    return next(x for x in rows if x[0] == first)


def test_each_cell_says_what_happened():
    parsed = Tables(page.page(DATA, None))
    assert not parsed.open and set(parsed.scopes) == {'row', 'col', 'colgroup'}
    tree = parsed.tables["Today's drivers: 2 on 23 kernels"]
    assert tree[0] == ['', "today's kernel", 'kernel that was released with level 1',
                       "today's kernel, configured at random (seed)"]
    assert tree[1] == ['driver', 'made from', 'default', 'debug', 'tiny', *map(str, range(1, 21))]
    assert row(tree, 'tree/good')[2:5] == ['passed', 'failed', 'not run']
    assert row(tree, 'tree/bad&ugly')[2] == 'refused'
    assert parsed.tables['Released drivers: 1 on 23 kernels'][2][:3] == ['1/old', 'Ada, gnat-12', 'builtin']
    said = parsed.tables['What did not pass, in words']
    assert ['tree/good', 'failed', 'because <so>', 'debug (today), 4 processors'] in said
    assert 'gcc <12>' in row(parsed.tables['What each driver needs'], 'tree/good')
    assert parsed.tables['Levels of the driver API'][1] == ['level 1', '0.2.0', 'frozen', '151']


def test_the_first_table_says_it_in_short():
    rows = Tables(page.page(DATA, None)).tables['All drivers on all kernels']
    assert row(rows, 'Released driversold drivers on new kernels')[1:] == [
        'all passed1 driver on 2 kernels', 'not run', 'not run']
    assert rows[2][1].startswith('2 of 3 did not pass')


def test_mutations_are_shown_or_said_not_to_be_run():
    assert 'Not run.' in page.page(DATA, None)
    rows = Tables(page.page(DATA, MUTATIONS)).tables['Breaks, and what caught them']
    assert row(rows, 'widen')[2:] == ['caught', 'abi-dump']
    assert row(rows, 'lost')[2:] == ['not caught', 'nothing']


def test_kernels_over_one_folder_are_listed():
    rows = Tables(page.page(DATA, None, SWAP)).tables['Kernels over one folder']
    assert rows[1] == ['boot 1', 'tiny (today)', '6.1.0-banos7.8.9', 'ab' * 32, 'ef' * 8]


def test_the_head_says_whether_all_passed():
    good = copy.deepcopy(DATA)
    good['results'] = [x for x in good['results'] if x['verdict'] in ('passed', 'builtin')]
    assert 'Everything passed' in page.page(good, None)
    assert '2 of 5 runs of a driver did not pass' in page.page(DATA, None)


def test_it_needs_no_network():
    assert not re.search(r'https?:|src=|@import|url\(|<script', page.page(DATA, MUTATIONS))


MEASURE = '''<script>addEventListener("load", () => { document.title = JSON.stringify({
width: document.documentElement.scrollWidth, room: innerWidth, tables: document.querySelectorAll("table").length,
colour: getComputedStyle(document.querySelector("td.failed")).backgroundColor}); });</script></body>'''


def browse(tmp_path, text, width, *more):
    """(what the browser made of it, what it wrote into its log)"""
    path = tmp_path / 'page.html'
    path.write_text(text)
    done = subprocess.run(
        [BROWSER, '--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr',
         f'--user-data-dir={tmp_path}/profile', f'--window-size={width},800', *more, '--dump-dom',
         f'file://{path}'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    return done.stdout, done.stderr


needs_browser = pytest.mark.skipif(not BROWSER, reason='there is no chromium here')


@needs_browser
@pytest.mark.parametrize('width', [PHONE, 1600])
def test_a_browser_shows_it(tmp_path, width):
    """Without an error in its console; only tables are wider than a telephone."""
    text = page.page(DATA, MUTATIONS).replace('</body>', MEASURE)
    # A window is 500 wide at least; a phone says how wide it is.
    shown, log = browse(tmp_path, text, width)
    measured = json.loads(re.search(r'<title>(.*?)</title>', shown)[1].replace('&quot;', '"'))
    assert measured['tables'] == 10 and measured['width'] <= measured['room'], measured
    assert measured['colour'] == 'rgb(255, 201, 196)', measured
    assert 'CONSOLE' not in log, log


@needs_browser
def test_errors_of_a_page_are_seen(tmp_path):
    broken = page.page(DATA, None).replace('</body>', '<script>nothing()</script></body>')
    assert 'CONSOLE' in browse(tmp_path, broken, PHONE)[1]
