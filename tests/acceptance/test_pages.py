"""The pages over HTTP: who is let in, what each shows, and what none of them lets through."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from tests.acceptance.pages_browser import browser
from tests.acceptance.pages_port import CONFLICT, CREDIT, DONE_REVIEW, HANDOFF, OTHER, REVIEW, TOKEN, FakePort
from tests.acceptance.pages_server import START, Seen, Visitor, served, visiting
from tillbridge.kernel.clock import SetClock

OPEN = ("/sign-in", "/claim", f"/claim/{TOKEN}", f"/vouchers/{TOKEN}", "/nowhere")
STAFF = (
    "/",
    "/map",
    "/reviews",
    f"/reviews/{REVIEW}",
    f"/reviews/{DONE_REVIEW}",
    f"/reviews/{CONFLICT}",
    "/handoffs",
    "/handoffs?state=late",
    f"/handoffs/replay?handoff={HANDOFF}",
    f"/credits/{CREDIT}",
    "/credits?find=ava.reid@example.com",
    "/credits?find=nothing",
    "/credits",
)


@pytest.fixture
def hub() -> FakePort:
    return FakePort()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
async def visitor(hub: FakePort, clock: SetClock) -> AsyncIterator[Visitor]:
    async with visiting(hub, clock) as one:
        yield one


@pytest.mark.parametrize("path", STAFF)
async def test_staff_pages_ask_for_a_key_and_lead_back(visitor: Visitor, path: str) -> None:
    asked = await visitor.get(path)
    assert asked.url.startswith("/sign-in?onward=")
    assert "Who are you?" in asked.text
    shown = await visitor.send(asked, "/sign-in", key="tb_operations", onward=asked.field("onward"))
    assert shown.url == path
    assert "Sign out" in shown.text


@pytest.mark.parametrize("key", ["", "tb_unknown", "tb_operations\x00x", "x" * 5000])
async def test_a_key_that_is_none_opens_nothing(visitor: Visitor, key: str) -> None:
    refused = await visitor.sign_in(key)
    assert refused.status == 403
    assert not key or key[:9] not in refused.text, "a key is never shown again"
    assert (await visitor.get("/", follow=False)).status == 303


@pytest.mark.parametrize(
    "onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_the_sign_in_leads_to_no_other_site(visitor: Visitor, onward: str) -> None:
    page = await visitor.get("/sign-in")
    left = await visitor.send(page, "/sign-in", follow=False, key="tb_operations", onward=onward)
    assert left.headers["Location"] == "/"


async def test_a_sign_in_ends_with_its_time_its_key_or_the_sign_out(
    visitor: Visitor, hub: FakePort, clock: SetClock
) -> None:
    page = await visitor.sign_in()
    assert page.url == "/"
    await visitor.send(page, "/sign-out")
    assert (await visitor.get("/", follow=False)).status == 303
    await visitor.sign_in()
    clock.move(timedelta(hours=12))
    assert (await visitor.get("/", follow=False)).status == 303
    await visitor.sign_in()
    assert (await visitor.get("/", follow=False)).status == 200
    hub.keys.clear()
    assert (await visitor.get("/", follow=False)).status == 303


@pytest.mark.parametrize("https", [False, True])
async def test_cookies_stay_with_this_site(hub: FakePort, https: bool) -> None:
    async with served(hub, https=https) as base, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        visitor = Visitor(session, base)
        page = await visitor.get("/sign-in")
        name, value = page.headers["Set-Cookie"].partition(";")[0].split("=")
        fields = {"form": page.field("form"), "key": "tb_operations", "onward": "/"}
        signed_in = await visitor.post("/sign-in", fields, follow=False, headers={"Cookie": f"{name}={value}"})
        for cookie in (page.headers["Set-Cookie"], signed_in.headers["Set-Cookie"]):
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert cookie.startswith("__Host-tillbridge") is https
            assert ("Secure" in cookie) is https
        assert ("Strict-Transport-Security" in page.headers) is https
        assert "tb_operations" not in str(signed_in.headers)


async def test_today_says_what_needs_me(visitor: Visitor) -> None:
    page = await visitor.sign_in()
    for said in (
        "Saturday 21 November",
        "12 stores · all times New York",
        "1,284",
        "99.6 %",
        "$412,880.15",
        "¥120,000",
    ):
        assert said in page.text
    assert f'href="/credits/{CREDIT}"' in page.text
    assert '<span class="state unknown">unknown</span>' in page.text
    assert "Registers to Platform, checkpoint · 2 s: confirmed, 0.14 s." in page.text


async def test_a_credit_tells_its_way(visitor: Visitor) -> None:
    await visitor.sign_in()
    page = (await visitor.get(f"/credits/{CREDIT}")).text
    assert page.index("Issued at the register") < page.index("Confirmed on the ledger") < page.index("Voucher printed")
    assert "Saturday 21 November 2026" in page
    assert "Sunday 22 November 2026" in page
    assert "the credit is safe on the ledger" in page
    assert page.index("the credit is safe") < page.index("Replay platform to web"), "explained before it is acted on"
    assert f"/vouchers/{TOKEN}" in page


async def test_one_match_is_opened_and_several_are_listed(visitor: Visitor) -> None:
    await visitor.sign_in()
    assert (await visitor.get("/credits?find=T0063-118")).url == f"/credits/{CREDIT}"
    several = await visitor.get("/credits?find=ava.reid%40example.com")
    assert several.text.count(f"/credits/{CREDIT}") == 2
    nothing = await visitor.get("/credits?find=%3Cb%3E%00")
    assert nothing.status == 404
    assert "Nothing is known by <b>&lt;b&gt;</b>" in nothing.text


async def test_a_replay_is_asked_once_more_and_then_done(visitor: Visitor, hub: FakePort) -> None:
    await visitor.sign_in()
    dead = await visitor.get("/handoffs")
    assert "it takes no JPY" in dead.text
    link = re.search(r'href="(/handoffs/replay\?[^"]+)"', dead.text)
    assert link
    question = await visitor.get(link[1])
    assert "Send it once more?" in question.text
    assert hub.replayed == [], "a look changes nothing"
    done = await visitor.send(question, "/handoffs/replay", handoff=question.field("handoff"))
    assert hub.replayed == [(HANDOFF, "Ops Olga")]
    assert done.url == f"/credits/{CREDIT}?said=replayed"
    assert "on its way again" in done.text
    again = await visitor.send(question, "/handoffs/replay", handoff=HANDOFF)
    assert "nothing to replay" in again.text


@pytest.mark.parametrize("there", [True, False])
async def test_what_was_found_out_about_a_parked_one_is_written_down(
    visitor: Visitor, hub: FakePort, there: bool
) -> None:
    await visitor.sign_in()
    hub.handoff_state = "parked"
    question = await visitor.get(f"/handoffs/replay?handoff={HANDOFF}")
    assert "It is there" in question.text
    word, number = ("yes", " W-7 ") if there else ("no", "")
    done = await visitor.send(question, "/handoffs/conclude", handoff=HANDOFF, there=word, reference=number)
    assert hub.concluded == [(HANDOFF, "Ops Olga", there, "W-7" if there else "")]
    assert done.url == f"/credits/{CREDIT}?said={'seen' if there else 'given-up'}"
    assert "Written down" in done.text


async def test_only_a_parked_one_asks_what_was_found_out(visitor: Visitor, hub: FakePort) -> None:
    page = await visitor.sign_in()
    question = await visitor.get(f"/handoffs/replay?handoff={HANDOFF}")
    assert "It is there" not in question.text
    assert (await visitor.send(page, "/handoffs/conclude", handoff="x", there="yes")).status == 404
    assert hub.concluded == []


async def test_who_may_not_replay_is_not_offered_it(visitor: Visitor, hub: FakePort) -> None:
    page = await visitor.sign_in("tb_support")
    assert "Replay" not in (await visitor.get("/handoffs")).text
    assert "Replay" not in (await visitor.get(f"/credits/{CREDIT}")).text
    assert (await visitor.get(f"/handoffs/replay?handoff={HANDOFF}")).status == 403
    assert (await visitor.send(page, "/handoffs/replay", handoff=HANDOFF)).status == 403
    assert hub.replayed == []


async def without_cookies(base: str, path: str, fields: dict[str, str]) -> Seen:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        return await Visitor(session, base).post(path, fields)


@pytest.mark.parametrize(
    "path", ["/claim", f"/claim/{TOKEN}", f"/claim/{TOKEN}/code", "/handoffs/replay", "/handoffs/conclude", "/sign-out"]
)
async def test_a_form_that_is_not_ours_changes_nothing(visitor: Visitor, hub: FakePort, path: str) -> None:
    page = await visitor.sign_in()
    form = page.field("form")
    fields = {"handoff": HANDOFF, "contact": "a@b.example", "challenge": "c", "code": "123456"}
    cross_site = {"Sec-Fetch-Site": "cross-site"}
    for refused in (
        await visitor.post(path, fields),
        await visitor.post(path, fields | {"form": "0" * 64}),
        await visitor.post(path, fields | {"form": form}, headers=cross_site),
        await visitor.post(path, fields | {"form": form}, headers={"Sec-Fetch-Site": "same-site"}),
        await without_cookies(visitor.base, path, fields | {"form": form}),
    ):
        assert refused.status == 403 or refused.url.startswith("/sign-in")
    assert (hub.replayed, hub.asked, hub.tries) == ([], [], {})
    assert (await visitor.get("/", follow=False)).status == 200, "and nobody was signed out"


async def test_a_form_of_another_browser_is_not_ours(visitor: Visitor, hub: FakePort) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        stranger = Visitor(session, visitor.base)
        taken = (await stranger.sign_in("tb_support")).field("form")
    await visitor.sign_in()
    assert (await visitor.post("/handoffs/replay", {"form": taken, "handoff": HANDOFF})).status == 403
    assert hub.replayed == []


async def test_what_is_no_form_or_too_large_is_refused(visitor: Visitor) -> None:
    form = (await visitor.get("/claim")).field("form")
    large = await visitor.post("/claim", {"form": form, "claim_code": "x" * 9000})
    assert (large.status, "too much" in large.text) == (413, True)
    address = f"{visitor.base}/claim"
    async with visitor.session.post(address, json={"form": form}) as answer:
        assert answer.status == 415

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 4096

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    async with visitor.session.post(address, data=endless(), headers=kind) as answer:
        assert answer.status == 413
        assert "too much" in await answer.text()


HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)>"


@pytest.mark.parametrize("path", OPEN + STAFF + ("/inbox",))
async def test_what_comes_from_outside_is_text(path: str) -> None:
    async with visiting(FakePort(word=HOSTILE, with_inbox=True)) as visitor:
        await visitor.sign_in()
        page = (await visitor.get(path)).text
    assert "<script" not in page
    assert "<img" not in page
    assert "alert(" in page or path in {
        "/sign-in",
        "/credits",
        "/credits?find=nothing",
        "/credits?find=ava.reid@example.com",
    }


@pytest.mark.parametrize("path", OPEN + STAFF + ("/inbox",))
async def test_every_page_guards_itself(path: str) -> None:
    async with visiting(FakePort(with_inbox=True)) as visitor:
        await visitor.sign_in()
        page = await visitor.get(path)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert '<html lang="en">' in page.text
    assert page.text.count("<h1") == 1
    assert re.search(r"<title>[^<]+ · [^<]+</title>", page.text)
    loaded = re.findall(r'(?:src|href|action|srcset|poster)="([^"]*)"', page.text)
    assert [address for address in loaded if not address.startswith(("/", "#"))] == []
    assert not re.search(r"<(script|style|iframe|object)\b|\son\w+=|\sstyle=", page.text)


async def test_the_look_comes_from_here_and_is_kept(visitor: Visitor) -> None:
    page = (await visitor.get("/claim")).text
    for address in re.findall(r'href="(/static/[^"]+)"', page):
        file = await visitor.get(address)
        assert file.status == 200
        assert "immutable" in file.headers["Cache-Control"]
        assert "http" not in file.text.replace("http://www.w3.org/2000/svg", "")
        assert (await visitor.get(address.partition("?")[0])).headers["Cache-Control"] == "no-cache"
    for name in ("app.py", "..%2fapp.py", "look.css%00", ""):
        assert (await visitor.get(f"/static/{name}")).status == 404


@pytest.mark.parametrize(
    "path", ["/nowhere", "/credits/42", f"/credits/{OTHER}", "/handoffs?state=odd", "/favicon.ico"]
)
async def test_what_is_not_there_says_so_plainly(visitor: Visitor, path: str) -> None:
    await visitor.sign_in()
    page = await visitor.get(path)
    assert (page.status, "There is no such page" in page.text) == (404, True)


async def test_the_api_answers_for_itself(visitor: Visitor) -> None:
    assert (await visitor.get("/v1/credits")).text == '{"credits": []}'
    unknown = await visitor.get("/v1/nowhere")
    assert (unknown.status, "<html" in unknown.text) == (404, False)
    method = await visitor.post("/vouchers/abcdefgh", {})
    assert (method.status, method.headers["Allow"], "<h1>" in method.text) == (405, "GET,HEAD", True)


async def send_all(visitor: Visitor, shown: Seen, path: str, fields: dict[str, str]) -> Seen:
    """Send the form of a page with exactly these fields."""
    return await visitor.post(path, {"form": shown.field("form"), **fields})


async def test_a_review_is_decided_on_evidence_and_taken_back(visitor: Visitor, hub: FakePort) -> None:
    await visitor.sign_in()
    path = f"/reviews/{REVIEW}"
    page = await visitor.get(path)
    for said in ("Is it one of these?", "web A0001440", "same phone, verified", "no name on file", "92 of 100"):
        assert said in page.text
    button = f"link {CREDIT}"
    assert f'value="{button}"' in page.text
    blank = await visitor.send(page, path, key=page.field("key"), decision=button, evidence=" ")
    assert (blank.status, "Say on what evidence" in blank.text, hub.decided) == (422, True, [])
    why = "She showed her account page."
    linked = await visitor.send(page, path, key=page.field("key"), decision=button, evidence=why)
    assert (linked.url, hub.decided) == (f"/credits/{CREDIT}?said=linked", [(REVIEW, "link", str(CREDIT), why)])
    assert "The credit is linked" in linked.text
    done = await visitor.get(f"/reviews/{DONE_REVIEW}")
    assert "Take the link back" in done.text
    back = await visitor.send(
        done, f"/reviews/{DONE_REVIEW}/undo", key=done.field("key"), evidence="It was her sister."
    )
    assert back.url == "/reviews"
    assert hub.decided[-1] == (DONE_REVIEW, "undo", "", "It was her sister.")


async def test_a_conflict_is_settled(visitor: Visitor, hub: FakePort) -> None:
    await visitor.sign_in()
    page = await visitor.get(f"/reviews/{CONFLICT}")
    assert "was proved by 2 people" in page.text
    fields = {"key": page.field("key"), "decision": "shared", "evidence": "They are married."}
    assert (await send_all(visitor, page, f"/reviews/{CONFLICT}", fields)).url == "/reviews"
    assert hub.decided == [(CONFLICT, "shared", "", "They are married.")]


async def test_what_cannot_be_decided_changes_nothing(visitor: Visitor, hub: FakePort) -> None:
    await visitor.sign_in()
    path = f"/reviews/{REVIEW}"
    page = await visitor.get(path)
    whole = {"key": page.field("key"), "decision": "leave", "evidence": "Nobody."}
    assert (await send_all(visitor, page, path, {**whole, "decision": "burn"})).status == 404
    assert (await send_all(visitor, page, path, {**whole, "key": ""})).status == 404
    assert (await visitor.post(path, whole)).status == 403
    assert (await visitor.get(f"/reviews/{OTHER}")).status == 404
    hub.trouble = "Nothing is left of this credit to move: it has been spent."
    refused = await send_all(visitor, page, path, whole)
    assert (refused.status, hub.trouble in refused.text, refused.field("evidence")) == (409, True, "Nobody.")
    assert hub.decided == []


async def test_a_key_without_the_right_looks_and_does_not_decide(visitor: Visitor, hub: FakePort) -> None:
    await visitor.sign_in("tb_support")
    page = await visitor.get(f"/reviews/{REVIEW}")
    assert "Your key may look, but not decide." in page.text
    fields = {"key": "k", "decision": "leave", "evidence": "Nobody."}
    for path in (f"/reviews/{REVIEW}", f"/reviews/{REVIEW}/undo"):
        assert (await send_all(visitor, page, path, fields)).status == 403
    assert hub.decided == []


@pytest.mark.parametrize("path", ["/", f"/claim/{TOKEN}", f"/vouchers/{TOKEN}", f"/vouchers/{TOKEN}.pdf", "/reviews"])
async def test_the_database_away_is_a_plain_page_and_passes(visitor: Visitor, hub: FakePort, path: str) -> None:
    await visitor.sign_in()
    hub.away = True
    away = await visitor.get(path, follow=False)
    assert (away.status, away.headers["Retry-After"]) == (503, "10")
    assert "No credit is lost" in away.text
    hub.away = False
    assert (await visitor.get(path)).status == 200


async def test_a_fault_of_ours_shows_nothing_of_itself(
    visitor: Visitor, hub: FakePort, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await visitor.sign_in()

    async def today() -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(hub, "today", today)
    page = await visitor.get("/")
    assert page.status == 500
    assert "secret detail" not in page.text
    assert "a secret detail" in caplog.text
    assert page.headers["X-Frame-Options"] == "DENY"


async def test_the_map_says_where_credits_get_lost_and_what_was_refused(visitor: Visitor) -> None:
    assert (await visitor.get("/map/spec.pdf", follow=False)).status == 303
    await visitor.sign_in()
    page = (await visitor.get("/map")).text
    assert "Credits get lost at erp to web" in page
    assert "✕ things get lost here" in page
    assert "stack.toml, line 7: there are no hops" in page
    assert "hop erp-web: SLA 13 h -&gt; 7 h" in page
    for name, kind in (("path.svg", "image/svg+xml"), ("spec.html", "text/html"), ("spec.pdf", "application/pdf")):
        taken = await visitor.get(f"/map/{name}")
        assert taken.headers["Content-Type"].startswith(kind)
        assert taken.headers["Content-Disposition"] == f'attachment; filename="{name}"'


async def test_a_cursor_that_is_none_of_ours(visitor: Visitor) -> None:
    await visitor.sign_in()
    assert "cursor=next" in (await visitor.get("/handoffs")).text
    assert (await visitor.get("/handoffs?cursor=next")).status == 200
    assert (await visitor.get("/handoffs?cursor=odd")).status == 400


async def test_the_inbox_is_there_in_the_demo_alone(visitor: Visitor) -> None:
    assert (await visitor.get("/inbox")).status == 404
    async with visiting(FakePort(with_inbox=True)) as demo:
        assert "Your code is 123456" in (await demo.get("/inbox")).text
        listed = json.loads((await demo.get("/inbox?format=json")).body)
    assert [message["subject"] for message in listed["messages"]] == ["Your code"]
    assert listed["messages"][0]["sent_at"].startswith("2026-11-21T19:02:11")


async def test_a_cookie_may_be_any_bytes(visitor: Visitor) -> None:
    for cookie in (b"tillbridge=\xff\xfe; tillbridge-form=\xff", b'tillbridge="; ;;=', b"tillbridge=a.b.c"):
        async with visitor.session.get(f"{visitor.base}/", headers={"Cookie": cookie.decode("latin-1")}) as answer:
            assert answer.status == 200
            assert "Who are you?" in await answer.text()


@pytest.mark.chromium
async def test_pages_fit_and_can_be_read_in_a_browser(chromium: str) -> None:
    long = FakePort(word="Extraordinarily-Long-Unbreakable-Name-Of-A-Retailer " + "x" * 90, with_inbox=True)
    for port in (FakePort(with_inbox=True), long):
        async with served(port) as base, browser(chromium) as tab:
            await tab.look(1280)
            await tab.open(f"{base}/sign-in")
            await tab.evaluate("document.getElementById('key').value = 'tb_operations'")
            await tab.evaluate("document.querySelector('main form').submit()")
            await tab.until_loaded()
            assert await tab.evaluate("location.pathname") == "/"
            for path in OPEN + STAFF + ("/inbox",):
                await tab.open(base + path)
                for width, dark in ((1280, False), (1280, True), (360, False), (360, True)):
                    await tab.look(width, dark=dark)
                    where = f"{path} at {width} px, {'dark' if dark else 'light'}"
                    assert await tab.faint() == [], f"too faint: {where}"
                    assert await tab.wider() == [], f"reaches over an edge: {where}"
            assert [address for address in tab.requested if not address.startswith(base)] == []
            assert [said for said in tab.complaints if "Content Security" in said or "Refused" in said] == []
