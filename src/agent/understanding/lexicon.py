"""Words the grammar waits for, and how people spell them in chats."""

from __future__ import annotations

ABBREVIATIONS = {
    "q": "que", "k": "que", "ke": "que", "qe": "que", "xq": "porque", "pq": "porque", "xk": "porque", "porq": "porque",
    "x": "por", "d": "de", "pa": "para", "tngo": "tengo", "tego": "tengo", "tnego": "tengo", "tng": "tengo", "toy": "estoy",
    "tb": "tambien", "tmb": "tambien", "tmbn": "tambien", "tbn": "tambien", "bn": "bien", "ola": "hola", "hla": "hola",
    "ns": "no se", "nc": "no se", "nose": "no se", "nosé": "no se", "aprox": "unos", "kero": "quiero", "kiero": "quiero",
    "qiero": "quiero", "grax": "gracias", "grcs": "gracias", "gcias": "gracias", "msj": "mensaje", "dnd": "donde",
    "vdd": "verdad", "sip": "si", "sep": "si", "sipi": "si", "sisi": "si", "sii": "si", "sipo": "si", "nop": "no", "nope": "no",
    "nopo": "no", "noo": "no", "nono": "no", "nanai": "no", "oki": "ok", "okey": "ok", "okay": "ok", "okis": "ok", "okei": "ok",
    "okk": "ok", "okok": "ok", "vle": "vale", "bale": "vale", "tra": "trabajo", "ing": "ingeniero", "numero": "numero",
    "trenta": "treinta", "trienta": "treinta", "cuarnta": "cuarenta", "cincunta": "cincuenta", "setena": "setenta",
    "vente": "veinte", "bente": "veinte", "sinc": "cinco", "i": "y", "to": "todo", "na": "nada", "ta": "esta",
    "hipo": "hipoteca", "hipot": "hipoteca", "aut": "autonomo", "admin": "administrativo", "hab": "habitantes",
}  # fmt: skip
"""Chat spelling and clipped words, word for word."""

UNITS = {
    "cero": 0, "un": 1, "uno": 1, "una": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8,
    "nueve": 9,
}  # fmt: skip
TEENS = {
    "diez": 10, "once": 11, "doce": 12, "trece": 13, "catorce": 14, "quince": 15, "dieciseis": 16, "diecisiete": 17,
    "dieciocho": 18, "diecinueve": 19, "veintiun": 21, "veintiuno": 21, "veintiuna": 21, "veintidos": 22, "veintitres": 23,
    "veinticuatro": 24, "veinticinco": 25, "veintiseis": 26, "veintisiete": 27, "veintiocho": 28, "veintinueve": 29,
}  # fmt: skip
TENS = {
    "veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "setenta": 70, "ochenta": 80, "noventa": 90,
}  # fmt: skip
HUNDREDS = {
    "cien": 100, "ciento": 100, "doscientos": 200, "doscientas": 200, "trescientos": 300, "trescientas": 300,
    "cuatrocientos": 400, "cuatrocientas": 400, "quinientos": 500, "quinientas": 500, "seiscientos": 600, "seiscientas": 600,
    "setecientos": 700, "setecientas": 700, "ochocientos": 800, "ochocientas": 800, "novecientos": 900, "novecientas": 900,
}  # fmt: skip
SCALES = {
    "mil": 10**3, "miles": 10**3, "millon": 10**6, "millones": 10**6, "billon": 10**12, "billones": 10**12,
    "trillon": 10**18, "trillones": 10**18, "cuatrillon": 10**24, "cuatrillones": 10**24,
}  # fmt: skip

_DOMAIN = """
hola buenas buenos gracias quiero quisiera tengo tenemos tiene trabajo trabaja trabajar hijo hijos hija hijas nino ninos nina ninas
hipoteca hipotecas fumo fuma fumar fumador fumadora fumadores fumaba tabaco cigarrillos vapeo vapeador casado casada
soltero soltera divorciado divorciada viudo viuda separado separada pareja matrimonio esposa esposo marido mujer
ahorro ahorros ahorrado ahorrados prestamo prestamos deuda deudas ingresos ingreso sueldo salario nomina cobro gano mensual
mensuales anual anuales euros capital cobertura coberturas seguro seguros presupuesto familia profesion
autonomo autonoma jubilado jubilada funcionario funcionaria estudiante desempleado desempleada persona humano asesor agente
contratar calcular precio barato caro accidente invalidez fallecimiento beneficiario cumplo nacimiento anos edad meses correo
ninguno ninguna nada claro perfecto vale supuesto acuerdo entendido
""".split()

REPAIRABLE = frozenset([*_DOMAIN, *UNITS, *TEENS, *TENS, *HUNDREDS, *SCALES]) - {"un", "uno", "una"}
"""Words that a typo is repaired into."""

NEVER_REPAIRED = frozenset(
    """
    siento sienta sien vez ves veces casa casas caza ay ahi hay haya halla aya ora hora oro voy boy bale tubo tuvo onza ceis hecho echo
    valla vaya vaso bazo baso cede sede ceda seda tasa taza coser cocer cima sima ceta seta cien senso censo cerio serio cesion sesion
    abría habría ha he has hasta asta ala hala ola uso huso aria haria grabar gravar rebelar revelar savia sabia vello bello
    callo cayo rallar rayar pollo poyo arrollo arroyo hoya olla llano mano malo marino maride gasto gusto fuego juego humana
    humanos fumamos quieres tienes tengas seguir seguiro segura seguras persones segundo segunda trabajas trabajos ingresa
    calculo calcula acuerda acordar claras clara precisa preciso caros cara cada carro cerca beneficios agencia agentes cuenta
    pagada nota notas noto cobra cobras cobre cubre cuadro grano ganas gana gane gallo valor valen vales
    hija hijo jubilarme familiar profesional profesor profesora mujeres parejas
    """.split()
)
"""Words that exist and must not be taken for a misspelt one."""
