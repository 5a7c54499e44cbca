"""`POST …/filter` (rule 20)."""

from __future__ import annotations

from datetime import UTC, datetime

from .access import Access
from .rails import Http

CONV_STD = {
    "status": ["equal_to", "not_equal_to"],
    "assignee_id": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "inbox_id": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "team_id": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "contact_id": ["equal_to", "not_equal_to"],
    "priority": ["equal_to", "not_equal_to"],
    "display_id": ["equal_to", "not_equal_to", "contains", "does_not_contain"],
    "campaign_id": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "labels": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "browser_language": ["equal_to", "not_equal_to"],
    "conversation_language": ["equal_to", "not_equal_to"],
    "referer": ["equal_to", "not_equal_to", "contains", "does_not_contain"],
    "created_at": ["is_greater_than", "is_less_than", "days_before"],
    "last_activity_at": ["is_greater_than", "is_less_than", "days_before"],
    "mail_subject": ["equal_to", "not_equal_to", "contains", "does_not_contain"],
}
_TXT = ["equal_to", "not_equal_to", "contains", "does_not_contain"]
CONTACT_STD = {
    "name": _TXT,
    "phone_number": [*_TXT, "starts_with"],
    "email": _TXT,
    "identifier": ["equal_to", "not_equal_to"],
    "country_code": ["equal_to", "not_equal_to"],
    "city": _TXT,
    "company_name": _TXT,
    "labels": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "created_at": ["is_greater_than", "is_less_than", "days_before"],
    "last_activity_at": ["is_greater_than", "is_less_than", "days_before"],
    "blocked": ["equal_to", "not_equal_to"],
}


class Filters(Access):
    """The filter language."""

    def do_filter(self, acc, p, std, rows, get, model):
        """R20"""
        pl = p.get("payload")
        if not isinstance(pl, list) or not pl:
            raise (
                Http(422, {"error": "payload"})
                if pl is not None and not isinstance(pl, list)
                else Http(500, {"status": 500, "error": "Internal Server Error"})
            )
        keys = {d["attribute_key"]: d for d in self.defs.values() if d["account_id"] == acc and d["attribute_model"] == model}
        for q in pl:
            op = q.get("query_operator")
            if op not in (None, "") and str(op).upper() not in ("AND", "OR"):
                raise Http(422, {"error": 'Query operator must be either "AND" or "OR".'})
        for q in pl:
            k, o = q.get("attribute_key"), q.get("filter_operator")
            if k in std and o not in std[k]:
                raise Http(422, {"error": f"Invalid operator. The allowed operators for {k} are [{','.join(std[k])}]."})
            vals = q.get("values")
            if o not in ("is_present", "is_not_present") and (vals is None or vals == [] or vals == ""):
                raise Http(422, {"error": f"Invalid value. The values provided for {k} are invalid"})
            if k not in std and k not in keys:
                allowed = f"one of [{','.join(std)}] or a custom attribute defined in the account."
                raise Http(422, {"error": f"Invalid attribute key - [{k}]. The key should be {allowed}"})
        if pl[-1].get("query_operator") not in (None, ""):
            raise Http(500, {"status": 500, "error": "Internal Server Error"})
        if any(q.get("query_operator") in (None, "") for q in pl[:-1]):
            raise Http(500, {"status": 500, "error": "Internal Server Error"})

        def test(q, row) -> bool:
            k, o = q["attribute_key"], q["filter_operator"]
            v = get(row, k, k in std)
            vals = q.get("values") or []
            vals = vals if isinstance(vals, list) else [vals]
            if k == "phone_number" and model == "contact_attribute" and vals:
                vals = ["+" + str(vals[0]).replace("+", "")]
            if k == "status" and "all" in vals:
                return True
            if k == "labels":
                hit = bool(set(map(str, vals)) & set(v)) if vals else bool(v)
                return hit if o in ("equal_to", "is_present") else not (hit if vals else bool(v))
            if o == "is_present":
                return v is not None and v != ""
            if o == "is_not_present":
                return v is None or v == ""
            sv = None if v is None else str(v).lower()
            ls = [str(x).lower() for x in vals]
            if o == "equal_to":
                return sv in ls
            if o == "not_equal_to":
                return sv not in ls
            if o == "contains":
                return sv is not None and any(x in sv for x in ls)
            if o == "does_not_contain":
                return sv is None or not any(x in sv for x in ls)
            if o == "starts_with":
                return sv is not None and sv.startswith(ls[0])
            if o in ("is_greater_than", "is_less_than", "days_before"):
                try:
                    if k in ("created_at", "last_activity_at"):
                        x = float(v or 0)
                        y = (
                            self.clock.now() - float(ls[0]) * 86400
                            if o == "days_before"
                            else datetime.fromisoformat(ls[0]).replace(tzinfo=UTC).timestamp()
                        )
                    else:
                        x, y = float(v), float(ls[0])
                except (TypeError, ValueError):
                    if v is None:
                        return False
                    raise Http(422, {"error": f"Invalid value. The values provided for {k} are invalid"}) from None
                return x > y if o == "is_greater_than" else x < y
            return False

        out = []
        for r in rows:  # SQL precedence: AND binds before OR
            groups, cur = [], True
            for i, q in enumerate(pl):
                cur = cur and test(q, r)
                if str(q.get("query_operator") or "").upper() == "OR" or i == len(pl) - 1:
                    groups.append(cur)
                    cur = True
            if any(groups):
                out.append(r)
        return out
