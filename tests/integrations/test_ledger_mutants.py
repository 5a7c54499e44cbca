"""The proof of the proof: a ledger broken on purpose, one line at a time, is noticed by the machine or by a named test."""

# ruff: noqa: E501 - lines quoted from the scripts are as long as they are there
from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from src.integrations.ledger import store as redis_store
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import Scripts, connect
from tests.conftest import Skew
from tests.integrations import test_ledger_erasure as erasure
from tests.integrations import test_ledger_identity as identity
from tests.integrations import test_ledger_promises as promises
from tests.integrations import test_ledger_store as store
from tests.integrations import test_redis_ledger as first
from tests.integrations.test_ledger_machine import run

LUA = Path(redis_store.__file__).parent / "lua"


class Mutant(NamedTuple):
    """One line of one script, replaced. `caught_by`: a test that must fail; without it the machine must find a history."""

    name: str
    script: str
    line: str
    becomes: str
    caught_by: Callable[..., None] | None = None


MUTANTS = [
    Mutant("no dedupe", "accept", "if redis.call('ZADD', K.seen, 'NX', ms(now), A.id_hash) == 0 then", "if false then"),
    Mutant("no fencing", "commit", "if not holds(A.lane, A.token, A.epoch) then", "if false then"),
    Mutant("fencing without epoch", "_contact", " and redis.call('HGET', K.record, 'epoch') == epoch", "",
           identity.test_a_turn_that_ends_while_its_contact_moves_counts_wholly_or_not_at_all),
    Mutant("epochs repeat", "_contact", "return string.format('%d%06d', t[1], t[2])", "return '1'",
           lambda new_ledger: promises.test_a_turn_from_before_a_reset_cannot_end_after_it(new_ledger, erase=True)),
    Mutant("tokens repeat", "claim", "redis.call('HSET', K.record, 'token', ms(token), lane", "token = 1 redis.call('HSET', K.record, lane"),
    Mutant("tokens repeat after a failover", "claim", "tonumber(new_epoch())", "0",
           promises.test_a_claim_that_a_failover_forgot_cannot_be_mistaken_for_a_later_one),
    Mutant("lease ignored", "claim", "if lease > now then", "if false then"),
    Mutant("a returned claim stays good", "_contact", "redis.call('HDEL', K.record, lane .. '.token')", ""),
    Mutant("a repeated commit is stale", "commit", "if redis.call('HGET', K.record, A.lane .. '.done') == A.turn then", "if false then"),
    Mutant("jobs stay after commit", "commit", "for _, id in ipairs(A.done) do remove(A.lane, id) end", ""),
    Mutant("replies are lost", "commit", "for _, job in ipairs(A.jobs) do append(unpack(job)) end",
           "for _, job in ipairs(A.jobs) do if job[1] ~= 'delivery' then append(unpack(job)) end end"),
    Mutant("commit schedules nothing", "commit", "for lane in pairs(touched) do schedule(lane, now) end", ""),
    Mutant("accept schedules nothing", "accept", "schedule(A.lane, now)", ""),
    Mutant("back-off ignored", "_contact", "return at and math.max(at, hold), lease", "return at, lease"),
    Mutant("timers ignored", "_contact", "if timer > 0 and", "if false and"),
    Mutant("an entry's time is not written down", "commit", "redis.call('HSET', K.record, 'timer', ms(A.timer_ms)) end", "local _ = 0 end"),
    Mutant("a cancelled entry's time stays", "commit", "if A.timer_ms == 0 then redis.call('HDEL', K.record, 'timer') else",
           "if A.timer_ms == 0 then local _ = 0 else"),
    Mutant("an operator's change forgets when to look", "amend", "redis.call('HSET', K.record, 'timer', ms(A.timer_ms)) end", "redis.call('HDEL', K.record, 'timer') end"),
    Mutant("a merge forgets when to look", "join", "{ 'state', 'owner', 'timer' }", "{ 'state', 'owner' }",
           identity.test_a_merge_brings_along_when_to_look_and_what_was_promised),
    Mutant("a merge forgets what was promised", "join", "if theirs.state and mine then", "if false then",
           identity.test_a_merge_brings_along_when_to_look_and_what_was_promised),
    Mutant("cap ignored", "_contact", "math.min(first + (its.cap_ms or 0), last + (its.debounce_ms or 0))", "last + (its.debounce_ms or 0)"),
    Mutant("debounce ignored", "_contact", "math.min(first + (its.cap_ms or 0), last + (its.debounce_ms or 0))", "first"),
    Mutant("a press waits", "accept", "if A.urgent then", "if false then"),
    Mutant("attempts not counted", "claim", "redis.call('HINCRBY', jobs, 'a:' .. id, 1)", "before + 1"),
    Mutant("poison takes neighbours along", "claim", "if i > 1 and (before > 0 or tried > 0) then break end", ""),
    Mutant("order forgotten", "_contact", "local seq = redis.call('HINCRBY', K.record, 'seq', 1)", "local seq = 1"),
    Mutant("counter not lowered", "_contact", "redis.call('HINCRBY', K.depth, lane, -1)", "local _ = 0"),
    Mutant("buried is deleted", "commit", "redis.call('HSET', K.letters, A.lane .. ':' .. id, cjson.encode(letter))", ""),
    Mutant("statuses go backwards", "receipt", "if ranks[A.status] <= (ranks[before] or 0) then", "if false then"),
    Mutant("answers beat receipts", "_contact", "if before and before > ranks.sending and", "if false and"),
    Mutant("an old wait ends a back-off", "claim", ", lane .. '.hold', lane .. '.wait')", ", lane .. '.hold')",
           promises.test_a_late_receipt_does_not_end_another_messages_back_off),
    Mutant("waits for what has come", "commit", "redis.call('HEXISTS', K.out, 't:' .. A.wait) == 0", "true",
           promises.test_a_receipt_faster_than_the_answer_is_not_lost),
    Mutant("a receipt wakes nobody", "receipt", "redis.call('HDEL', K.record, A.lane .. '.wait', A.lane .. '.hold')", ""),
    Mutant("reset forgets names", "forget", "and not string.find(name, ' ')", "",
           promises.test_a_reset_leaves_the_names_for_a_later_erasure),
    Mutant("reset keeps the epoch", "forget", "redis.call('HSET', K.record, 'epoch', new_epoch())\n  list", "list"),
    Mutant("erase keeps the transcript", "forget", "redis.call('DEL', K.record, K.log, K.out, K.letters)", "redis.call('DEL', K.record, K.out, K.letters)",
           erasure.test_everything_goes_but_keyed_hashes),
    Mutant("erase keeps the record", "forget", "redis.call('DEL', K.record, K.log, K.out, K.letters)", "redis.call('DEL', K.log, K.out, K.letters)"),
    Mutant("erase does not look again", "forget", "if foreign().known ~= A.known then", "if false then",
           lambda valkey_url: erasure.test_what_comes_meanwhile_goes_too_or_starts_anew("a message", valkey_url)),
    Mutant("the farewell's record stays", "commit", "if left == 0 then", "if false then",
           erasure.test_the_farewell_goes_out_and_takes_the_rest_with_it),
    Mutant("the farewell becomes a dead letter", "commit", "if body and not erased then", "if body then",
           erasure.test_a_farewell_that_cannot_be_sent_is_not_kept_as_a_dead_letter),
    Mutant("sent ids of the erased are kept", "sent", "or redis.call('HEXISTS', K.record, 'erased') == 1 then", "then",
           erasure.test_the_farewell_goes_out_and_takes_the_rest_with_it),
    Mutant("an erasure forgets what was said", "speak", " or redis.call('ZADD', K.seen, 'NX', ms(now), hash) == 0", "",
           erasure.test_what_humans_said_is_known_after_an_erasure_and_goes_out_no_more),
    Mutant("what was said is not looked for", "speak", "redis.call('ZSCORE', K.gone, hash) or ", "",
           erasure.test_what_humans_said_is_known_after_an_erasure_and_goes_out_no_more),
    Mutant("an erasure forgets when it was", "forget", "redis.call('ZADD', K.gone, ms(math.min(now, A.here_ms)), 'erased')", "",
           erasure.test_what_humans_said_is_known_after_an_erasure_and_goes_out_no_more),
    Mutant("an erasure believes one clock", "forget", "math.min(now, A.here_ms)", "now",
           erasure.test_an_erasure_by_a_clock_that_is_days_ahead_silences_nobody_afterwards),
    Mutant("an erasure forgets where it was", "forget", "for _, mark in ipairs(A.marks) do redis.call('ZADD', K.gone, ms(now), mark) end", "",
           erasure.test_nothing_is_said_where_the_person_is_about_to_go),
    Mutant("an erasure does not look where they are", "_foreign", "parts[#parts + 1] = lane .. ' ' .. name .. ' ' .. place", "",
           erasure.test_a_place_found_in_the_middle_of_an_erasure_is_one_where_nothing_is_said),
    Mutant("a late message brings somebody back", "accept", "if heard_before_ms and A.heard_ms < tonumber(heard_before_ms) then", "if false then",
           erasure.test_what_a_vendor_could_not_bring_in_time_brings_nobody_back),
    Mutant("an erasure forgets when they wrote", "forget", "if heard then redis.call('ZADD', K.gone, heard, 'heard') end", "",
           erasure.test_what_a_vendor_could_not_bring_in_time_brings_nobody_back),
    Mutant("a clock ahead trims the transcript", "commit", "math.min(now, A.here_ms)", "now",
           promises.test_a_clock_that_is_ahead_of_ours_takes_nothing_away),
    Mutant("a clock ahead forgets ids", "accept", "math.min(now, A.here_ms)", "now",
           promises.test_a_clock_that_is_ahead_of_ours_takes_nothing_away),
    Mutant("a back-off by a clock ahead lasts", "_contact", "hold, lease = unless_made_ahead(hold, now), unless_made_ahead(lease, now)", "",
           lambda new_ledger, skew: promises.test_what_a_clock_that_was_ahead_put_off_is_not_put_off_when_it_is_right(new_ledger, skew, "turns")),
    Mutant("a lease by a clock ahead lasts", "claim", "unless_made_ahead(field(lane, 'lease'), now)", "field(lane, 'lease')",
           lambda new_ledger, skew: promises.test_what_a_clock_that_was_ahead_put_off_is_not_put_off_when_it_is_right(new_ledger, skew, "turns")),
    Mutant("the CRM alone makes somebody", "speak", "if #A.messages == 0 and (", "if false and (",
           erasure.test_what_is_only_for_the_crm_makes_nobody),
    Mutant("a merge loses statuses", "join", "for i = 1, #has.out, 2 do", "for i = 1, 0, 2 do"),
    Mutant("a merge loses attempts", "join", "if attempts ~= '0' then", "if false then",
           identity.test_a_poisonous_message_keeps_counting_attempts_across_a_merge),
    Mutant("a merge happens twice", "join", "if redis.call('HEXISTS', K.record, 'joined ' .. source) == 1 then", "if false then",
           identity.test_a_merge_interrupted_at_any_step_is_finished_by_the_workers),
    Mutant("a merge ignores an erasure", "join", "if announced == 0 then return { 'gone' } end", "",
           lambda valkey_url: identity.test_nothing_comes_back_when_a_merge_races_with_an_erasure(identity.ANA, valkey_url)),
    Mutant("nobody finishes a merge", "leave", "redis.call('ZADD', K.lane[A.lane].due, ms(now + A.again_ms), A.contact)", "",
           identity.test_a_merge_of_somebody_with_nothing_to_do_is_finished_too),
    Mutant("a merge leaves the epoch", "leave", "'moving', 1, 'epoch', new_epoch())", "'moving', 1)",
           identity.test_a_turn_that_ends_while_its_contact_moves_counts_wholly_or_not_at_all),
    Mutant("a merge is overwritten", "join", "if field(A.lane, 'lease') > 0 then give_back(A.lane) end", "",
           identity.test_a_turn_in_flight_on_either_side_does_not_overwrite_the_other),
    Mutant("a redelivery's name is forgotten", "accept", "redis.call('HSET', K.record, 'alias ' .. name, 1)", "local _ = 0",
           identity.test_a_redelivery_under_another_identity_is_a_duplicate),
    Mutant("a list keeps who left it", "_lists", "if listed then unlist() end", ""),
    Mutant("the record's owner is not listed", "_lists", "known[2 * n + 1] or said[facet] or before", "said[facet] or before"),
    Mutant("what is said of a facet is not listed", "_lists", "or said[facet] or before", "or before"),
    Mutant("who is written to is listed as before", "speak", "    list({}, nil, now)\n", ""),
    Mutant("somebody new is on no list", "accept", "list(A.facets, '', now)", ""),
    Mutant("a reset is not listed", "forget", "list(A.facets, '', now)", ""),
    Mutant("a merge is listed as before", "join", "if next(facets) then list(facets, theirs['i.name'] or '', now) end", "",
           identity.test_a_turn_in_flight_on_either_side_does_not_overwrite_the_other),
    Mutant("a merge takes it from the human", "join", "  list({}, nil, now)\n", "",
           identity.test_a_merge_leaves_the_conversation_with_the_human_who_had_either),
    Mutant("an erasure does not tell the CRM", "forget", "then told = word.body end", "then told = nil end",
           erasure.test_the_crm_is_told_where_the_person_was_until_it_has_heard),
    Mutant("a repeated erasure forgets the place", "forget", "local told = redis.call('HGET', there.jobs, 'b:' .. word.id)", "local told = nil",
           erasure.test_the_crm_is_told_where_the_person_was_until_it_has_heard),
    Mutant("the CRM is told before it has finished", "forget", "redis.call('HSET', K.record, word.lane .. '.hold', ms(now + word.wait_ms))", "",
           erasure.test_the_crm_is_told_where_the_person_was_until_it_has_heard),
    Mutant("the CRM is told of strangers", "forget", "and redis.call('EXISTS', there.notes) + redis.call('ZCARD', there.queue) > 0 then", "then",
           erasure.test_the_crm_is_told_nothing_of_whom_it_does_not_know),
    Mutant("a full store stops its work", "_contact", "redis.call('HDEL', K.record, '')", "",
           store.test_a_full_store_refuses_items_and_finishes_its_work),
    Mutant("offers are not put off", "offer", "redis.call('ZADD', its.due, 'XX', ms(now + A.put_off_ms), contact)", "",
           store.test_every_lane_is_offered_in_one_look),
    Mutant("a pause is ignored", "bucket", "if paused_until > now then return ms(paused_until - now) end", "",
           first.test_the_number_has_its_own_limit_and_can_be_paused),
]  # fmt: skip


@contextmanager
def broken(mutant: Mutant, directory: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[None]:
    """The scripts with that one change; each still compiles."""
    scripts = directory / "lua"
    shutil.copytree(LUA, scripts)
    path = scripts / f"{mutant.script}.lua"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutant.line, mutant.becomes), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(redis_store, "_LUA", scripts)
        client = connect(url)
        loader = Scripts(lambda: client, {})
        for script in scripts.glob("[!_]*.lua"):
            client.script_load(loader.load(script.stem, ())[0])
        yield
        client.close()


def is_noticed(check: Callable[[], None]) -> bool:
    try:
        check()
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever the check says, it says that something is wrong
        return True
    return False


def by_a_test(test: Callable[..., None], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    skew, opened = Skew(), [connect(url)]
    opened[0].flushall()

    def new_ledger(**options: Any) -> RedisLedger:
        own = connect(url)
        opened.append(own)
        return RedisLedger(lambda: own, skew_ms=skew, **options)

    known = {"new_ledger": new_ledger, "skew": skew, "store_url": url, "valkey_url": url, "monkeypatch": monkeypatch}
    try:
        test(**{name: known[name] for name in inspect.signature(test).parameters})
    finally:
        for client in opened:
            client.close()


def test_every_mutant_changes_a_line_that_is_there_once() -> None:
    """A script that changes takes its mutants along; found out here, and not when the long runs are due."""
    times = {mutant.name: (LUA / f"{mutant.script}.lua").read_text(encoding="utf-8").count(mutant.line) for mutant in MUTANTS}
    assert len(times) == len(MUTANTS), "two mutants have one name"
    assert {name: found for name, found in times.items() if found != 1} == {}


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_broken_ledger_is_noticed(mutant: Mutant, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if mutant.caught_by is None:
        check = partial(run, valkey_url, 300, only_find=True)
    else:
        check = partial(by_a_test, mutant.caught_by, valkey_url, monkeypatch)
        check()  # it has nothing against the ledger as it is
    with broken(mutant, tmp_path, monkeypatch, valkey_url):
        assert is_noticed(check)
