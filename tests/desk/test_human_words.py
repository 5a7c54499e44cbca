"""What people type comes to WhatsApp with WhatsApp's marks, and nothing of an editor's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.desk.human_words import from_editor, from_typing


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("**Hola Luis**, tu precio es **7,33 €** al mes", "*Hola Luis*, tu precio es *7,33 €* al mes"),
        ("__Hola__", "*Hola*"),
        ("*Hola* y _adiós_", "_Hola_ y _adiós_"),
        ("***muy importante***", "*_muy importante_*"),
        ("**negrita con *cursiva* dentro**", "*negrita con _cursiva_ dentro*"),
        ("antes ~~12 €~~ ahora **9 €**", "antes ~12 €~ ahora *9 €*"),
        ("Primera línea\\\nSegunda línea\\\nTercera", "Primera línea\nSegunda línea\nTercera"),
        ("con dos espacios  \nsigue", "con dos espacios\nsigue"),
        ("# Propuesta\n\nTexto", "*Propuesta*\n\nTexto"),
        ("## **Propuesta**", "*Propuesta*"),
        ("* uno\n* **dos**\n* tres", "- uno\n- *dos*\n- tres"),
        ("- uno\n  * dentro", "- uno\n  - dentro"),
        ("1. uno\n2. dos", "1. uno\n2. dos"),
        ("mira [la web](https://acme.es/a_b_c)", "mira la web (https://acme.es/a_b_c)"),
        ("[https://acme.es](https://acme.es)", "https://acme.es"),
        ("[acme.es](https://acme.es/)", "https://acme.es/"),
        ("<https://acme.es>", "https://acme.es"),
        ("[ana@acme.es](mailto:ana@acme.es)", "ana@acme.es"),
        ("![foto](https://acme.es/f.png)", "foto (https://acme.es/f.png)"),
        ("mira https://acme.es/un_dos_tres*cuatro*", "mira https://acme.es/un_dos_tres*cuatro*"),
        ("**https://acme.es/x**", "*https://acme.es/x*"),
        ("usa `a*b*c` aquí", "usa `a*b*c` aquí"),
        ("```\n**código**\n```", "```**código**```"),
        ("2 \\* 3 = 6 y \\_esto\\_", "2 * 3 = 6 y _esto_"),
        ("1\\. no es lista", "1. no es lista"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("nombre_de_fichero_largo.pdf", "nombre_de_fichero_largo.pdf"),
        ("**dos\nlíneas**", "*dos*\n*líneas*"),
        ("im**por**tante", "importante"),
        ("> cita\n\nrespuesta", "> cita\n\nrespuesta"),
        ("**sin cerrar", "**sin cerrar"),
        ("precio: 100*", "precio: 100*"),
        ("¿**Sí**? «**No**»", "¿*Sí*? «*No*»"),
        ("{{contact.name}} y {% if %}", "{{contact.name}} y {% if %}"),
        ("uno\r\ndos", "uno\ndos"),
        ("", ""),
    ],
)  # fmt: skip
def test_an_editors_markdown_becomes_whatsapps_marks(written: str, said: str) -> None:
    assert from_editor(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("*Hola* y _adiós_ y ~no~", "*Hola* y _adiós_ y ~no~"),
        ("**Hola**", "*Hola*"),
        ("~~12~~ 9 €", "~12~ 9 €"),
        ("[la web](https://acme.es)", "la web (https://acme.es)"),
        ("# Propuesta", "*Propuesta*"),
        ("#1 en seguros", "#1 en seguros"),
        ("firma: ________", "firma: ________"),
        ("C:\\carpeta\\x", "C:\\carpeta\\x"),
        ("- uno\n- dos", "- uno\n- dos"),
    ],
)
def test_in_a_plain_field_whatsapps_own_marks_hold(written: str, said: str) -> None:
    assert from_typing(written) == said


@given(st.text(alphabet="ab *_~`\\[]()<>#-\n1.\ue000\ue001", max_size=60))
def test_no_letter_is_lost_and_nothing_of_ours_is_left(written: str) -> None:
    for said in (from_editor(written), from_typing(written)):
        assert [letter for letter in said if letter in "ab"] == [letter for letter in written if letter in "ab"]
        assert not {"\ue000", "\ue001", "\ue002", "\ue003", "\ue004"} & set(said)
