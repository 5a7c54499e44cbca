"""The table of wishes: which words mean which intent, most urgent first. Danger and abuse are the guardrails' to find."""

from __future__ import annotations

import re
from dataclasses import dataclass

from src.agent.understanding.reading import IntentName


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern on the comparable form that means this intent, unless `unless` is found as well."""

    name: IntentName
    topic: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None = None
    confidence: float = 0.95


def _rule(name: IntentName, *patterns: str, topic: str = "", unless: str = "", confidence: float = 0.95) -> Rule:
    return Rule(name, topic, re.compile("|".join(patterns)), re.compile(unless) if unless else None, confidence)


_PERSON = (
    r"(?:persona|personas|human[oa]s?|alguien|agente|asesor[a]?|operador[a]?|operari[oa]|comercial|"
    r"gestor[a]?|representante|ejecutiv[oa]|encargad[oa]|responsable|supervisor[a]?|companer[oa] tuy[oa]|"
    r"companer[oa]s?|"
    r"ser humano|gente|tecnic[oa]|especialista|expert[oa]|telefonista|alguno de (?:vosotros|ustedes)|"
    r"empleado|jefe|manager|human being|real person|someone|somebody|person|agent|advisor|representative|"
    r"staff|people|trabajador[a]?|corredor[a]?)"
)
_REAL = (
    r"(?:real|de verdad|de carne y hueso|fisica|humana|humano|de la (?:empresa|compania|oficina)|de ahi|"
    r"competente|viva|actual person)"
)
_TALK = (
    r"(?:habl(?:ar|o|e|arlo|arle|emos|ando)|pas(?:a|e|ar|ad|en)(?:me|rme|dme|nme)?|pong[ao]n?(?:me)?|"
    r"ponme|poned(?:me)?|conect\w+|comuni[cq]\w+|transfi\w+|transfer\w+|deriv\w+|atiend[ae]n?|atenderme|"
    r"atender|atiendan|contact\w+|"
    r"llam(?:a|e|ad|en|ar|ais)(?:me|dme|nme|rme)?|charlar|conversar|platicar|consultar\w*|tratar(?:lo)?|"
    r"explic\w+|speak|talk|chat|transfer|connect|put me|ayude|ayud(?:a|en|arme)|escalar|dirij\w+|dirig\w+|"
    r"llegar)"
)
_WANT = (
    r"(?:quiero|quisiera|querria|necesito|prefiero|preferiria|me gustaria|podria|puedo|puede|puedes|"
    r"podeis|pueden|hay|deseo|exijo|dame|deme|quiero que|busco|solicito|can i|could i|i want|i need|"
    r"i'd like|would like|let me|me urge|ocupo)"
)

RULES: tuple[Rule, ...] = (
    _rule(
        "opt_out",
        r"^\W*(?:baja|stop|stop promotions|detener promociones|"
        r"(?:no recibir|dejar de recibir) (?:mas )?(?:promociones|mensajes)|"
        r"alto|unsubscribe|cancelar suscripcion|darme de baja|dar de baja|baja por favor|"
        r"parar|quiero (?:la )?baja|remove me|dadme de baja|no mas mensajes|end|salir de la lista|dame de baja)\W*(?:por favo"
        r"r|please|ya|gracias)?\W*$",
        r"\b(?:no|ni|nunca|deja\w*|dejen|paren?|parad|basta|para|stop)\b[^.;?]{0,18}\b(?:me )?(?:vuelva[ns]?|"
        r"volvais|vuelvas|sigas|sigais|siga)?(?: a )?(?:escrib\w+|mand(?:eis|es|en|e|ar\w*)|envi(?:eis|"
        r"es|en|e|ar\w*)|contact\w+|molest\w+|moleste\w*|llam(?:eis|es|en|ar\w*)|messag\w+|texting|contacting|"
        r"writing)\b[^.;?]{0,14}\b(?:mas|nunca|jamas|otra vez|en paz)\b",
        r"\b(?:dejad?|deja|dejen|deje|parad?|paren?|pare|basta)(?: ya)? (?:de )(?:escribir\w*|molestar\w*|"
        r"mandar\w*|enviar\w*|llamar\w*|contactar\w*|darme la lata|dar la brasa|dar la lata|spamear\w*|"
        r"incordiar\w*|mensaj\w*)",
        r"\b(?:no (?:me )?(?:vuelv\w+|quiero que (?:me )?vuelv\w+) a (?:escribir|contactar|molestar|"
        r"llamar|mandar|enviar)\w*|no quiero (?:recibir )?(?:mas|ni un|ningun)(?: mas)? (?:mensajes?|"
        r"publicidad|whatsapps?|comunicaciones|spam|correos?|llamadas?)|no (?:me )?(?:escrib|mand|envi|"
        r"contact|molest|llam)(?:as|ais|an|eis|es|en|e|a)\w* mas\b)",
        r"\b(?:borra|borrad|quita|quitad|elimina|eliminad|saca|sacad|borren|quiten|saquen|eliminen)(?:me|"
        r"dme|nme)? (?:de |mi (?:numero|telefono|contacto) (?:de )?)(?:la |las |tu |su |vuestr[oa] |"
        r"esta |tus |sus |vuestras )?(?:listas?|base(?: de datos)?|agenda|contactos)",
        r"\b(?:dar|darme|dame|dadme|deme|denme|quiero darme|doy) de baja(?: (?:de (?:los mensajes|este chat|"
        r"las comunicaciones|la lista|todo|esto|aqui)|por favor|ya|del servicio de mensajes|del whatsapp))?\W*$",
        r"\b(?:dejadme|dejame|dejenme|deje?me) en paz\b|\bstop (?:messaging|writing|contacting|texting)\b|"
        r"\b(?:don't|do not) (?:contact|message|write|text)\b|\bunsubscribe\b|\bpublicidad no\b|\bno contact(?:ar|"
        r"eis|en)\b|\bte (?:voy a )?bloque(?:o|ar)\b|\bos (?:voy a )?bloque(?:o|ar)\b",
        unless=r"\bdar(?:me|se)? de baja (?:el|mi|la|del|en el) (?:seguro|poliza|otro)",
    ),
    _rule(
        "data_erase",
        r"\b(?:borr(?!on)[a-z]{1,5}?|elimin[a-z]{1,5}?|suprim[a-z]{1,4}?|olvid(?:a|ad|en)|destru(?:ye|"
        r"id|yan))(?:lo|los|las|la|me|melo)?\b[^.;?]{0,30}\b(?:datos|todo|conversacion|informacion|lo que (?:tengas|"
        r"teneis|tienes|sabes|he dicho|te he dicho|guardas)|chat|historial|rastro|perfil|ficha|mensajes)\b",
        r"\bborr(?:alo|adlo|enlo) todo\b|\bderecho (?:al olvido|de supresion|de cancelacion)\b|\b(?:delete|"
        r"erase|remove) (?:all )?(?:my|everything|the) ?(?:data|information|details|conversation)?\b|"
        r"\bque (?:me )?(?:borr|elimin)\w+ (?:mis|los|todos)",
        unless=r"\bsi (?:borro|elimino)\b|\b(?:borra|quita|elimina) (?:eso|el|la|esa|lo ultimo) (?!todo|datos|"
        r"informacion|conversacion|historial|chat|perfil)",
    ),
    _rule(
        "data_copy",
        r"\b(?:que|cuales) (?:datos|informacion|cosas)\b[^.;]{0,25}\b(?:mi[oa]s?|mi|teneis|tienes|tienen|"
        r"guardais|guardas|guardan|sabeis|sabes|saben|habeis|conservais)\b|\bcopia de (?:mis|los|todos mis|"
        r"mi)\b[^.;]{0,12}\b(?:datos|informacion|conversacion)|"
        r"\bderecho de acceso\b|\b(?:acceder a|ver|consultar|descargar|exportar|mandame|enviame|pasame|"
        r"dame|enviadme|mandadme) (?:todos )?(?:mis datos|los datos que|lo que (?:teneis|tienes|sabeis|"
        r"guardais) (?:de|sobre) mi)|\bque (?:sabes|sabeis|saben|tienes|teneis) (?:de|sobre) mi\b|\b(?:copy of|"
        r"what) (?:my )?data\b[^.;]{0,25}",
    ),
    _rule(
        "withdraw_consent",
        r"\b(?:retir\w+|revoc\w+|revoqu\w+|anul\w+|cancel\w+) (?:mi |el )?(?:consentimiento|permiso|"
        r"autorizacion)|\bya no (?:doy|os doy|te doy|les doy|quiero dar|acepto)\b[^.;]{0,30}\b(?:permiso|"
        r"consentimiento|datos|useis|uses|guard\w+|autoriz\w+)|\bno quiero que (?:sigas|sigais|sigan|"
        r"uses|useis|usen) (?:usando |guardando |tratando )?mis datos\b|\bwithdraw (?:my )?consent\b",
    ),
    _rule(
        "human",
        rf"\b{_TALK}\b[^.;!?\n]{{0,40}}?\b{_PERSON}\b",
        rf"\b{_WANT}\b(?:(?!\bpara )[^.;!?\n]){{0,22}}\b(?:un[ao]? |algun[a]? |a |con |al |el |la |una )(?:{_PERSON})\b",
        r"\b(?:prefiero|quiero|mejor|dame|necesito|quisiera|que me atienda|con|hay|pasame|ponme|paseme) (?:a |"
        rf"con )?(?:un |una |el |la |algun |alguna )?{_PERSON}(?: {_REAL})?\W*$",
        r"^\W*(?:un |una |a |con |al |por favor )?(?:persona|human[oa]|agente|asesor[a]?|operador[a]?|"
        rf"comercial|gestor[a]?|representante|agent|human)(?: {_REAL}| por favor| ya| please)*\W*$",
        rf"\b(?:{_PERSON}|nadie) {_REAL}\b",
        r"\b(?:con|a) (?:una? )?(?:maquina|robot|bot|chatbot|ordenador)\b[^.;?\n]{0,12}\b(?:no|ni) (?:lo |"
        r"la |me |le |te )*[a-z]+",
        r"\b(?:llamadme|llamame|llameme|llamenme|me llamais|me llamas|me llaman ustedes|me podeis llamar|"
        r"me puedes llamar|me puede llamar|me pueden llamar|que me llamen|que me llame|(?:podeis|puedes|"
        r"pueden|puede|podrian|podrias|podria) llamarme|puedes llamarme por|puede llamarme por|podrian llamarme|"
        r"podriais llamarme|prefiero que me llam\w+|"
        r"hablar por telefono|numero de (?:telefono )?(?:de )?(?:atencion|contacto|para llamar|al que llamar)|"
        r"a que (?:numero|telefono)|(?:un|algun|vuestro|su|tu) (?:numero|telefono) (?:para llamar|al que llamar|"
        r"donde llamar|de contacto)|call me back|phone call|give me a call|can you call|quiero una llamada|"
        r"una llamada)\b",
        r"\b(?:no|ni) (?:me siento comod[oa]|me fio|quiero|me gusta|me apetece|pienso|voy a|estoy comod[oa]|"
        r"soporto|aguanto|me va|confio|quisiera|me gustan|hablo)\b[^.;?\n]{0,40}\b(?:maquina|maquinas|"
        r"robot|robots|bot|bots|ordenador|programa|chatbot|automatic[oa]|inteligencia artificial|ia|"
        r"contestador|algoritmo|asistente virtual)\b",
        r"\b(?:hart[oa]|cansad[oa]|paso|odio|detesto)\b[^.;?\n]{0,20}\b(?:maquina|maquinas|robots?|bots?|"
        r"chatbots?|contestador\w*|ia)\b",
        r"\b(?:me )?atiend[ae]n? (?:alguien|una persona|un humano)|\b(?:no me (?:estas |esta )?(?:entiendes?|"
        r"ayudas?|sirves?|aclaras?|enteras|entendiendo|ayudando)|esto no me (?:ayuda|sirve)|asi no (?:nos entendemos|"
        r"vamos a ninguna parte))\b|\bno (?:te|me) enteras\b|\bprefiero (?:en persona|cara a cara|presencial\w*|"
        r"hablarlo)|\b(?:en|ir a|pasar por) (?:la |una |vuestra )?oficina fisica\b|"
        r"\b(?:ir|acercarme|pasarme|pasar) (?:a|por) (?:la |una |vuestra |alguna )?(?:oficina|sucursal|"
        r"tienda)\b|\b(?:quiero|necesito|pasame con|hablar con|contactar con|telefono de|numero de)[^.;?]{0,15}\b(?:servicio "
        r"de )?atencion(?: al cliente| humana| personal\w*)?\b|\batencion humana\b|\bcustomer service\b|"
        r"\balgun companero\b|\bcon quien (?:puedo|tengo que) hablar\b|\bdonde (?:puedo|os puedo) llamar\b|"
        r"\boperator\b",
        unless=r"\b(?:eres|es usted|hablo con|estoy hablando con|sos|esto es|am i|are you|hay)\b[^.;]{0,25}\b(?:persona|"
        r"humano|humana|alguien|human|person)\b[^.;]{0,30}\b(?:o|maquina|robot|bot)\b|\bcomo me llam\w+",
    ),
    _rule(
        "human",
        r"\b(?:denunci(?:a|ar|are|aros|arlos)\b|demandar\w*|hoja de reclamaciones|(?:poner|presentar|"
        r"hacer|tramitar|quiero) (?:una )?(?:queja|reclamacion|denuncia)|quejarme|make a complaint)",
        topic="complaint",
    ),
    _rule(
        "are_you_a_robot",
        r"\b(?:eres|es usted|sos|hablo con|estoy hablando con|hablando con|me (?:atiende|responde|contesta|"
        r"escribe|habla)|esto es|hay|es|seras|quien eres|are you|am i (?:talking|speaking) (?:to|with)|"
        r"is this|ets|voce e)\b[^.;!\n]{0,40}\b(?:robot|bot|chatbot|maquina|persona|humano|humana|ia|"
        r"inteligencia artificial|chatgpt|gpt|programa|ordenador|automatic[oa]|human|person|machine|"
        r"ai|alguien real|contestador|de verdad|real)\b[^.;!\n]{0,25}\?",
        r"^\W*(?:pero )?(?:eres|es usted|sos|are you) (?:un |una |a |an |el |la )?(?:robot|bot|chatbot|"
        r"maquina|persona|humano|humana|ia|inteligencia artificial|human|machine|ai|real)\b",
        r"\bhablo con (?:un|una) (?:robot|bot|maquina|persona|humano)\b|\bquien (?:eres|me habla|es usted)\b|"
        r"\beres de verdad\b|\bcon quien hablo\b|\bwho are you\b|\b(?:como te llamas|cual es tu nombre)\b|"
        r"\by (?:tu|usted|vos)\W*\?",
    ),
    _rule(
        "restart",
        r"\b(?:empe[zc]\w+|comenz\w+|comenc\w+|arranc\w+|volv\w+ a empezar|vuelve a empezar) (?:todo )?(?:de nuevo|"
        r"otra vez|de cero|desde (?:cero|el principio)|del principio|a empezar)|\bvolver a empezar\b|"
        r"\bdesde (?:cero|el principio)\b|\breinici\w+|\bresete\w+|\breset\b|\brestart\b|\bstart (?:over|"
        r"again)\b|\bborron y cuenta nueva\b|\b(?:hacer|hago|quiero) (?:otra|una nueva) (?:cotizacion|"
        r"simulacion)\b|^\W*(?:reiniciar|empezar|inicio|menu)\W*$",
    ),
    _rule(
        "resume",
        r"\b(?:sigue|siguen|continua|esta) en pie\b|\bsoy yo (?:otra vez|de nuevo)\b|\blo (?:del|que hablamos|"
        r"que me dijiste|de) (?:otro dia|ayer|la semana pasada|el otro dia|hace unos dias)\b|\bdonde (?:lo )?(?:habiamos |"
        r"lo )?(?:dejamos|dejado|quedamos)\b|\b(?:ya )?(?:he vuelto|estoy de vuelta|aqui estoy otra vez|"
        r"volvi|vuelvo a escribir\w*)\b|\b(?:me )?lo he pensado (?:mejor|bien|otra vez)\b|"
        r"\bhe cambiado de (?:idea|opinion)\b|"
        r"\b(?:retom\w+|continuar (?:con|donde|por)|podemos (?:seguir|continuar)|seguimos (?:con|donde|"
        r"por))\b|\bhablamos (?:hace|el otro dia|la semana|ayer)\b|\bpor donde ibamos\b|\bi'm back\b|"
        r"\bel otro dia (?:me|hable|hablamos|pedi|os)\b|\bla semana pasada (?:me|hable|pedi)\b",
    ),
    _rule(
        "greeting",
        r"^\W*(?:muy )?(?:hola|ola|buenas|buenos dias|buen dia|buena tarde|hey|hello|hi|que tal|que onda|"
        r"quiubo|que hubo|epa|saludos|bon dia|bona tarda|ei|holi\w*|holis|alo|aloha|good (?:morning|"
        r"afternoon|evening)|guten tag|hallo|bonjour|salut|ciao|buongiorno|ola bo|bos dias|egun on|kaixo|"
        r"bom dia|boa tarde)\b",
        r"^\W*[👋🙋]",
    ),
    _rule(
        "thanks",
        r"\b(?:gracias|agradec\w+|thanks|thank you|thx|ty|merci|gracies|grazas|obrigad[oa]|danke|grazie|"
        r"eskerrik|mil gracias)\b|🙏",
        unless=r"\bno,? gracias\b",
    ),
    _rule(
        "bye",
        r"\b(?:adios|hasta (?:luego|pronto|otra|manana|la vista|nunca)|chao|chau|bye|nos vemos|me despido|"
        r"agur|adeu|ate logo|au revoir|que (?:tengas|tenga|vaya|pases) (?:un )?(?:buen|bien|feliz)\w*|"
        r"hablamos (?:luego|otro dia|manana)|buenas noches(?=\W*$)|ya (?:te|os) (?:digo|dire|escribo|"
        r"escribire) (?:algo)?|see you|goodbye|abur)\b",
    ),
    _rule(
        "couple",
        r"\b(?:asegur(?:arnos|ar a los dos|ar a ambos|emos)|(?:los|las|nosotros|nosotras) dos\b|para (?:mi (?:mujer|"
        r"marido|espos[oa]|pareja|novi[oa]) y (?:para )?mi|los dos|ambos|nosotros|dos personas|dos\b|"
        r"la pareja)|(?:mi (?:mujer|marido|espos[oa]|pareja|novi[oa]) y yo|yo y mi (?:mujer|marido|espos[oa]|"
        r"pareja|novi[oa])) (?:quer|necesit|busc|nos)|"
        r"(?:otro|otra|uno|un seguro|el seguro|tambien) para mi (?:mujer|marido|espos[oa]|pareja|novi[oa])|"
        r"mi (?:mujer|marido|espos[oa]|pareja|novi[oa]) tambien (?:lo |uno |un )?(?:quier\w+|necesit\w+|seguro|uno)|"
        r"seguro (?:conjunto|para pareja|de pareja|a dos|para dos)|(?:dos|2) (?:asegurados|seguros|polizas)|"
        r"both of us|my (?:wife|husband|partner) and (?:i|me)|uno para (?:mi y otro|cada uno))\b",
        unless=r"\b(?:los dos|ambos) (?:hijos|ninos|pequenos|coches)\b|\bpara los dos (?:ninos|hijos|peques)\b",
    ),
    _rule(
        "objection",
        r"\b(?:car[oa]s?|carisim[oa]|carit[oa]|much[oa] (?:dinero|pasta|plata|lana|guita)|es mucho\b|"
        r"es una (?:pasada|barbaridad|burrada|fortuna)|me parece (?:mucho|un robo)|un (?:robo|atraco|"
        r"dineral|paston)|por las nubes|(?:mierda|asco|vaya|menudo|joder con el|puto) (?:de )?precio|"
        r"demasiado (?:caro|dinero|alto)|no (?:me )?(?:lo )?(?:puedo|podemos) (?:permitir\w*|pagar (?:eso|"
        r"tanto))|se (?:me )?(?:va|sale|pasa) de (?:presupuesto|precio|madre)|fuera de (?:mi )?presupuesto|"
        r"(?:algo|una opcion|un seguro|mas|mucho mas) (?:mas )?(?:barat[oa]|economic[oa])|bajar (?:el precio|"
        r"la cuota|un poco)|rebaj\w+|descuento|mejor precio|(?:no me )?alcanza\b|too expensive|expensive|"
        r"cheaper|me duele el bolsillo|ojo de la cara|no puedo pasar de|no quiero (?:pasar|gastar)\w* (?:de|"
        r"mas)|sube mucho|tanto\?|por esa cuota)\b",
        topic="price",
        unless=r"\b(?:en otr[oa]|la competencia|me lo dejan|cara a|cara o cruz|dar la cara|pruebas? rara|echar en cara|"
        r"por la cara|cara bonita)\b|\bcuanto (?:mas )?(?:barato|caro)\b",
    ),
    _rule(
        "objection",
        r"\b(?:en|con|tengo|de) (?:la |el |mi )?otr[oa]s? (?:aseguradora|compania|sitio|lado|empresa|"
        r"oferta|entidad|seguro|presupuesto)\b|\b(?:la )?competencia\b|\bme (?:lo )?(?:dejan|ofrecen|"
        r"han ofrecido|cobran|hacen|ofrecieron|dan) (?:por|mas barato|mejor|menos|a \d)|\bya (?:tengo|"
        r"tenemos) (?:un |uno |otro |otra )?(?:seguro|poliza)? ?(?:con|en) (?:el |mi |la )?(?:banco|"
        r"mapfre|otra|otro|mutua|axa|caser|ocaso|santalucia)|\bestoy comparando\b|\b(?:comparar|mirando|"
        r"viendo) (?:con )?otr[oa]s\b|\bmejor oferta\b|\b(?:another|other) (?:company|insurer)\b",
        topic="competitor",
    ),
    _rule(
        "objection",
        r"\b(?:no me fio|no (?:me )?inspira\w* confianza|no confio|desconfi\w+|(?:es|sera|parece|suena a|"
        r"no sera) (?:una )?(?:estafa|timo|fraude|engano|mentira)|estaf\w+|timo\b|fraude|excusas?\b|"
        r"letra pequena|(?:luego|despues|al final) (?:no )?(?:pagan|pagais|os escaquea\w*|se escaquean|"
        r"ponen pegas|nunca pagan|se lavan las manos)|nunca pagan|(?:los )?seguros (?:no|nunca) pagan|"
        r"como se que (?:esto )?(?:es|no es)|"
        r"(?:es|sois|son) (?:de )?(?:fiar|fiable|fiables|serio|seria|legal|confiable|confiables|legales)|"
        r"es seguro esto|me vais a (?:enganar|timar|estafar)|da (?:mala espina|desconfianza)|scam|trust|"
        r"no me (?:da|dais) (?:buena espina|confianza)|ladrones|sacacuartos|gato encerrado|trampa|quien me (?:asegura|"
        r"garantiza))\b",
        topic="trust",
    ),
    _rule(
        "objection",
        r"\b(?:me lo (?:pienso|pensare|tengo que pensar|quiero pensar)|(?<!no )lo (?:pienso|pensare|"
        r"consulto|consultare|hablo|hablare|miro|mirare|vemos|valoro|comento|estudio)\b|(?:tengo|quiero|"
        r"dejame|dejeme|necesito|debo|tendria|voy a)(?: que)? (?:pensar(?:lo|melo)?|consultar(?:lo)?|"
        r"hablar(?:lo)? con mi|meditar\w*|comentar(?:lo)?)|mas adelante|ahora no (?:puedo|es|me viene|"
        r"tengo)|otro (?:dia|momento)|no (?:es|me viene) (?:buen|bien)\b[^.;]{0,12}(?:momento|ahora)|"
        r"(?:no tengo|sin) tiempo|espera(?: un (?:momento|segundo|rato|poco))?(?=\W*$)|un momento|"
        r"(?:ahora|enseguida|luego) vuelvo|"
        r"dame un (?:momento|minuto|segundo|rato)|estoy (?:ocupad[oa]|liad[oa]|trabajando|conduciendo|en el trabajo|"
        r"reunid[oa]|en una reunion)|luego (?:te|os|sigo|seguimos|lo|hablamos|vuelvo)|despues (?:te|"
        r"os|sigo|seguimos)|manana (?:te|os|lo|seguimos)|el mes que viene|la semana que viene|de momento no|"
        r"(?:mi (?:mujer|marido|pareja|espos[oa]|novi[oa]|madre|padre) )no (?:lo |la )?(?:ve|tiene|esta) (?:nada |muy |tan )?"
        r"(?:clar[oa]|segur[oa]|convencid[oa])|no lo (?:veo|tengo) (?:nada |muy |tan )?claro|"
        r"por ahora no|todavia no|aun no|no (?:hay|tengo) prisa|think about it|not now|later|some other time)\b",
        topic="timing",
        unless=r"\b(?:llam\w+ (?:manana|mas adelante|luego)|todavia no (?:tengo|he|fum|estoy casad))\b|\b(?:todavia|"
        r"aun) no\b.{0,8}\b(?:hij|nin)|\b(?:cumplo|cumplire|cumplir|(?:hago|hare|hacer) (?:los )?\d\d)\b",
    ),
    _rule(
        "objection",
        r"\b(?:no (?:lo )?(?:necesito|veo (?:necesario|la necesidad)|hace falta|me hace falta|creo que (?:lo )?necesite)"
        r"|para que (?:quiero|necesito|me sirve|sirve|lo quiero|voy a querer)|no (?:le )?veo (?:utilidad|"
        r"sentido|el sentido)|soy (?:muy )?joven(?: para)?|no (?:tengo|dejo) (?:a nadie|cargas) (?:a quien|"
        r"para)|no me va a pasar nada|es tirar el dinero|no sirve para nada|yo ya (?:estoy|tengo) cubiert[oa]|"
        r"don't need)\b",
        topic="need",
    ),
    _rule(
        "decline",
        r"\b(?:no (?:me|nos) (?:interesa|convence|interesan|encaja|conviene|compensa|cuadra)|no (?:lo |"
        r"la |los )?(?:quiero|contrato|voy a contratar|deseo|queremos)(?: (?:seguir|continuar|contratar|"
        r"nada|ninguno|ninguna|el seguro|esto|mas))?\W*(?:gracias\W*)?$|paso(?=\W*$)|(?:mejor )?(?:lo )?(?:dejamos|"
        r"dejemos|dejalo|dejo|dejelo|olvidalo|olvidemoslo|olvidelo)(?: (?:estar|aqui|asi|para otro dia|"
        r"correr|por hoy))?(?=\W*$)|no sigo|no quiero (?:seguir|continuar|contratar|el seguro|ningun seguro|"
        r"seguro|nada)|no gracias|"
        r"no,? (?:muchas )?gracias|not interested|no thanks|no estoy interesad[oa]|he cambiado de (?:idea|"
        r"opinion)|ningun[oa](?: de (?:las|los) (?:tres|dos)| de ellas)?(?: me (?:convence|gusta))?(?=\W*$)|"
        r"no quiero seguir|(?:al final )?no quiero ningun seguro|mejor dejalo|dejalo|rechaz\w+|descart\w+)\b",
        unless=r"\bno (?:lo |la )?quiero (?:pagar|pasar|gastar|decir|dar)|\bpaso a paso\b",
    ),
    _rule(
        "accept",
        r"\b(?:lo contrato|la contrato|contrat(?:o|amos|emos|arlo|arla|amelo|amela|alo|ala)\b|(?:me|nos) (?:la|lo) qued(?:o|"
        r"amos)|(?:me|nos) quedo con|me interesa(?: esa| esta| ese| la| mucho| contratar\w*)?\b|acepto(?: la|"
        r" esa| esta| lo| el)? ?(?:oferta|propuesta|opcion|presupuesto|condiciones)?\b|quiero (?:esa|"
        r"esta|ese|este|la|contratar(?:la|lo)?|seguir adelante|firmar\w*|darme de alta)|(?:esa|esta|"
        r"ese) (?:si|misma|mismo|me gusta|me vale|me va bien|me convence|esta bien)|"
        r"(?:vamos|voy|sigamos|seguimos|tiramos|tira) (?:con (?:esa|eso|ello|la)|adelante|pa'?lante)|"
        r"adelante con (?:esa|eso|ello|la)|trato hecho|hecho(?=\W*$)|firm(?:o|amos|ar)\b|donde firmo|"
        r"(?:como|cuando) (?:firmo|contrato|lo contrato|la contrato)|i'll take (?:it|that|the)|i accept|"
        r"tramit(?:a|e|ad|en)l[oa]|sign me up|let's do it|cerramos|la cojo|lo cojo|me apunto|compro\b|lo quiero(?=\W*$)|"
        r"la quiero(?=\W*$)"
        r")\b",
        unless=r"\b(?:no|ni|nunca|todavia no|aun no|tampoco)\b (?:me |nos |lo |la |te |os )*(?:contrat|qued|"
        r"interes|acept|quier|convenc|firm|gusta)|\b(?:si|antes de|despues de|y si|cuando|porque|para|"
        r"puedo|podria|que pasa si|al) (?:lo |la |me )*(?:contrat|firm|acept)|\bacepto que\b|\bme interesa (?:saber|"
        r"conocer|que|informacion|un seguro|el seguro|hacer|contratar un)|\bquiero contratar (?:un|uno)\b|"
        r"\bcontrato (?:de trabajo|indefinido|temporal|fijo|laboral|en)",
    ),
    _rule(
        "unclear",
        r"^\W*(?:como\??|que\?|eh\?|no (?:te |le |lo )?entiendo|no (?:te |le |lo )?he entendido|no me he enterado|"
        r"a que te refieres|que quieres decir|como dices|perdona\?|what\?)\W*$",
        topic="please_explain",
        confidence=0.9,
    ),
    _rule(
        "interest",
        r"\b(?:quiero|quisiera|querria|me gustaria|necesito|busco|estoy (?:buscando|interesad[oa]|mirando)|"
        r"me interesa|interesad[oa]|deseo|ando buscando|queria|voldria|vull|podrias|podeis|puedes|me regala|"
        r"me das|me da|dame|pasame|want|need|looking for|interested|would like)\b[^.;!]{0,40}\b(?:cotiz\w+|"
        r"seguros?(?: de vida)?|presupuesto|propuesta|simulacion|tarifa|asegurar(?:me|nos)|contratar|"
        r"poliza|asseguranca|insurance|quote)\b",
        r"\b(?:me quiero|nos queremos|quiero|quisiera|querria|me gustaria|necesito) asegurar(?:me|nos)?\b|"
        r"\bcotiz(?:ar|acion|ame|arme|o)\b|\b(?:hacer|hacerme|sacar|sacarme|contratar|calcular|calcula(?:me)?) (?:un|"
        r"el|mi) (?:seguro|presupuesto|precio)|\bcalcul(?:a|ame|alo|e|ar|emos)\b|\b(?:pedir|dar|haz|"
        r"hazme|hagame) (?:un )?presupuesto\b",
        topic="quote",
        unless=r"\bno (?:quiero|necesito|me interesa|busco)\b",
    ),
    _rule(
        "interest",
        r"\b(?:info|informacion|informarme|mas detalles|informes|detalles)\b(?! (?:personal|mia|de mi))",
        topic="info",
        unless=r"\b(?:no quiero|teneis|tienes|borra|elimina|copia|guard)\w*\b",
    ),
)
