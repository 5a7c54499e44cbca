"""Words the grammar waits for, and how people spell them in chats."""

from __future__ import annotations

ABBREVIATIONS = {
    "q": "que", "k": "que", "ke": "que", "qe": "que", "xq": "porque", "pq": "porque", "xk": "porque", "porq": "porque",
    "x": "por", "d": "de", "pa": "para", "tngo": "tengo", "tego": "tengo", "tnego": "tengo", "tng": "tengo", "toy": "estoy",
    "tb": "tambien", "tmb": "tambien", "tmbn": "tambien", "tbn": "tambien", "bn": "bien", "ola": "hola", "hla": "hola",
    "ns": "no se", "nc": "no se", "nose": "no se", "nosé": "no se", "aprox": "unos", "kero": "quiero", "kiero": "quiero",
    "qiero": "quiero", "grax": "gracias", "grcs": "gracias", "gcias": "gracias", "msj": "mensaje", "dnd": "donde",
    "vdd": "verdad", "sip": "si", "sep": "si", "sipi": "si", "sisi": "si", "sii": "si", "sipo": "si", "nope": "nop",
    "nopo": "no", "noo": "no", "nono": "no", "nanai": "no", "oki": "ok", "okey": "ok", "okay": "ok", "okis": "ok", "okei": "ok",
    "okk": "ok", "okok": "ok", "vle": "vale", "bale": "vale", "tra": "trabajo", "ing": "ingeniero", "numero": "numero",
    "trenta": "treinta", "trienta": "treinta", "cuarnta": "cuarenta", "cincunta": "cincuenta", "setena": "setenta",
    "vente": "veinte", "bente": "veinte", "sinc": "cinco", "to": "todo", "na": "nada", "ta": "esta",
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

ENGLISH_NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip

_DOMAIN = ["hola", "buenas", "buenos", "gracias", "quiero", "quisiera", "tengo", "tenemos", "tiene", "trabajo", "trabaja", "trabajar", "hijo", "hijos", "hija", "hijas", "nino", "ninos", "nina", "ninas", "hipoteca", "hipotecas", "fumo", "fuma", "fumar", "fumador", "fumadora", "fumadores", "fumaba", "tabaco", "cigarrillos", "vapeo", "vapeador", "casado", "casada", "soltero", "soltera", "divorciado", "divorciada", "viudo", "viuda", "separado", "separada", "pareja", "matrimonio", "esposa", "esposo", "marido", "mujer", "ahorro", "ahorros", "ahorrado", "ahorrados", "prestamo", "prestamos", "deuda", "deudas", "ingresos", "ingreso", "sueldo", "salario", "nomina", "cobro", "gano", "mensual", "mensuales", "anual", "anuales", "euros", "capital", "cobertura", "coberturas", "seguro", "seguros", "presupuesto", "familia", "profesion", "autonomo", "autonoma", "jubilado", "jubilada", "funcionario", "funcionaria", "estudiante", "desempleado", "desempleada", "persona", "humano", "asesor", "agente", "contratar", "calcular", "precio", "barato", "caro", "accidente", "invalidez", "fallecimiento", "beneficiario", "cumplo", "nacimiento", "anos", "edad", "meses", "correo", "ninguno", "ninguna", "nada", "claro", "perfecto", "vale", "supuesto", "acuerdo", "entendido"]

_VERBS = frozenset(
    "hola buenas buenos gracias quiero quisiera tengo tenemos tiene trabajo trabaja trabajar fumo fuma fumar fumaba vapeo cobro gano cumplo contratar calcular".split()
)

REPAIRABLE = frozenset([*_DOMAIN, *UNITS, *TEENS, *TENS, *HUNDREDS, *SCALES]) - {"un", "uno", "una"}
"""Words that a typo is repaired into."""

REPAIRABLE_AFTER_A_SLIP = frozenset(word for word in REPAIRABLE if len(word) >= 7) - _VERBS
"""Verbs are left out: one letter is another person or tense."""

NEVER_REPAIRED = frozenset(
    ["siento", "sienta", "sien", "vez", "ves", "veces", "casa", "casas", "caza", "ay", "ahi", "hay", "haya", "halla", "aya", "ora", "hora", "oro", "voy", "boy", "bale", "tubo", "tuvo", "onza", "ceis", "hecho", "echo", "valla", "vaya", "vaso", "bazo", "baso", "cede", "sede", "ceda", "seda", "tasa", "taza", "coser", "cocer", "cima", "sima", "ceta", "seta", "cien", "senso", "censo", "cerio", "serio", "cesion", "sesion", "abría", "habría", "ha", "he", "has", "hasta", "asta", "ala", "hala", "ola", "uso", "huso", "aria", "haria", "grabar", "gravar", "rebelar", "revelar", "savia", "sabia", "vello", "bello", "callo", "cayo", "rallar", "rayar", "pollo", "poyo", "arrollo", "arroyo", "hoya", "olla", "llano", "mano", "malo", "marino", "maride", "gasto", "gusto", "fuego", "juego", "humana", "humanos", "fumamos", "quieres", "tienes", "tengas", "seguir", "seguiro", "segura", "seguras", "persones", "segundo", "segunda", "trabajas", "trabajos", "ingresa", "calculo", "calcula", "acuerda", "acordar", "claras", "clara", "precisa", "preciso", "caros", "cara", "cada", "carro", "cerca", "beneficios", "agencia", "agentes", "cuenta", "cuarto", "cuarta", "cuartos", "cuartas", "octavo", "octava", "octavos", "tercio", "tercios", "quinto", "quinta", "quintos", "sexto", "sexta", "noveno", "novena", "decimo", "decima", "tercero", "tercera", "pagada", "nota", "notas", "noto", "cobra", "cobras", "cobre", "cubre", "cuadro", "grano", "ganas", "gana", "gane", "gallo", "valor", "valen", "vales", "hija", "hijo", "jubilarme", "familiar", "profesional", "profesor", "profesora", "mujeres", "parejas"]
)
"""Words that exist and must not be taken for a misspelt one."""

GIVEN_NAMES = frozenset(
    ["antonio", "manuel", "jose", "francisco", "david", "juan", "javier", "daniel", "carlos", "jesus", "alejandro", "miguel", "rafael", "pablo", "pedro", "angel", "sergio", "fernando", "jorge", "luis", "alberto", "alvaro", "adrian", "diego", "ivan", "ruben", "raul", "oscar", "enrique", "ramon", "vicente", "andres", "joaquin", "santiago", "eduardo", "victor", "roberto", "jaime", "mario", "ignacio", "marcos", "alfonso", "salvador", "ricardo", "jordi", "emilio", "hugo", "guillermo", "julian", "gabriel", "julio", "tomas", "agustin", "marc", "gonzalo", "felix", "mohamed", "ahmed", "joan", "martin", "nicolas", "cristian", "josep", "samuel", "mateo", "leo", "lucas", "aitor", "iker", "xavier", "albert", "mariano", "sebastian", "rodolfo", "gustavo", "esteban", "domingo", "lorenzo", "cesar", "hector", "alex", "eric", "izan", "pau", "pol", "gerard", "arnau", "ernesto", "fabian", "federico", "facundo", "matias", "thiago", "emiliano", "rodrigo", "leonardo", "maximo", "benjamin", "joel", "elias", "isaac", "abel", "adan", "ismael", "omar", "kevin", "bryan", "brayan", "wilson", "edison", "walter", "milton", "nestor", "dario", "german", "gerardo", "arturo", "alfredo", "armando", "gilberto", "hernan", "homero", "horacio", "humberto", "moises", "noe", "octavio", "orlando", "pancho", "pepe", "paco", "nacho", "kiko", "toni", "quique", "rafa", "santi", "chema", "juanjo", "juanma", "josema", "manolo", "lolo", "curro", "fran", "dani", "javi", "edu", "nico", "berto", "fede", "gabi", "luisma", "tono", "txema", "koldo", "mikel", "unai", "gorka", "jon", "ander", "eneko", "inaki", "asier", "oier", "julen", "maria", "carmen", "josefa", "ana", "isabel", "dolores", "pilar", "teresa", "rosa", "cristina", "laura", "francisca", "antonia", "mercedes", "marta", "lucia", "elena", "juana", "raquel", "beatriz", "patricia", "nuria", "silvia", "encarnacion", "sara", "paula", "rocio", "angeles", "monica", "susana", "irene", "julia", "montserrat", "alba", "inmaculada", "sandra", "andrea", "margarita", "consuelo", "sonia", "esther", "claudia", "concepcion", "veronica", "natalia", "eva", "noelia", "victoria", "carolina", "catalina", "amparo", "miriam", "ines", "yolanda", "alicia", "lorena", "lidia", "alejandra", "olga", "daniela", "sofia", "gloria", "martina", "adriana", "aurora", "fatima", "virginia", "luisa", "gemma", "emilia", "magdalena", "josefina", "rosario", "purificacion", "ainhoa", "nerea", "leire", "maite", "aitana", "carla", "valeria", "emma", "noa", "vega", "mia", "jimena", "triana", "lola", "chloe", "olivia", "abril", "candela", "celia", "clara", "vera", "blanca", "diana", "estefania", "fernanda", "gabriela", "guadalupe", "itzel", "ximena", "camila", "renata", "regina", "romina", "milagros", "micaela", "macarena", "manuela", "marina", "mireia", "neus", "meritxell", "montse", "merce", "laia", "berta", "ona", "queralt", "aina", "lluisa", "conchi", "conchita", "paqui", "pili", "mamen", "maribel", "marisol", "marisa", "mariluz", "mayte", "lupe", "lupita", "pepa", "loli", "lola", "tere", "bea", "cris", "patri", "vicky", "sole", "asun", "chus", "charo", "begona", "arantxa", "amaia", "miren", "itziar", "idoia", "edurne", "uxue", "garazi", "john", "james", "robert", "michael", "william", "richard", "thomas", "sarah", "emily", "jessica", "jennifer", "mary", "linda", "elizabeth", "anna", "kate", "peter", "paul", "george", "steve", "sophie", "maria", "jose", "juan", "carlos", "juan", "pablo", "ligia", "luz", "marcela", "mariana", "maricarmen", "nelson", "yesenia", "yadira", "yamila", "zoe", "zulema", "tamara", "tania"]
)
"""The commonest given names of Spain and Latin America, so that "soy luis" in small letters is a name."""
