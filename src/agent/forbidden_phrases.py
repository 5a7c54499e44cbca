"""The phrases that the guardrails look for, over folded text (lower case, no accents, look-alikes resolved).

One alternative a line, an indented line goes on with the line before; `{name}` stands for the alternatives of that name.
Quantifiers are bounded and never nested, so a search is linear in the text. Add freely, with a case in the tests.
"""

from __future__ import annotations

from src.agent.lookalikes import any_of

_ORDERS = any_of(
    r"""
    instruccion|instruction|regla|rule|norma|orden(?:es)?\b|indicacion|directri|directive|prompt|restriccion
    restriction|limitacion|guideline|programacion|programming|filtro|filter|guardrail|politica|polic(?:y|ies)
    protocolo
    """
)

_HIDDEN = any_of(
    r"""
    prompt
    (?:instrucciones|reglas|mensaje|instructions|rules|message)s? (?:\w+ ){0,2}?(?:internas?|de sistema|del sistema|
        secretas?|ocultas?|originales|iniciales|hidden|secret|system)
    tus instrucciones|tu configuracion|your instructions
    your (?:system|initial|original|hidden)
    system (?:message|instructions)
    codigo fuente|source code
    (?:texto|text|words|everything) (?:de |mas |that is )?(?:arriba|above)
    """
)

_SECRETS = any_of(
    r"""
    api[ _-]?keys?
    claves? (?:api|de (?:la )?api|secretas?|privadas?|de acceso)
    contrasenas?|passwords?|tokens?\b|variables de entorno|environment variables|credencial\w+|credentials
    base de datos|database|\.env\b|redis|admin_token
    """
)

_SHOW = any_of(
    r"""
    muestra\w*|ensena\w*|dime|dame|di\b|revela\w*|imprim\w+|repit\w+|repet\w+|copia\w*|escrib\w+|pasa\w*|manda\w*
    traduce\w*|resum\w+|enumera\w*|detalla\w*|describ\w+|explica\w*|translate|summari[sz]e|envia\w*|lista\w*|
        saca\w*|exporta\w*|comparte\w*|vuelca\w*|filtra\w*|facilita\w*|quiero|necesito|print|show
    reveal|repeat|output|display|tell me|give me|send|list|dump|export|share|leak|what (?:is|are)
    cual(?:es)? (?:es|son)
    """
)

_OTHERS = any_of(
    r"""
    (?:otr[oa]s?|ultim[oa]s?|demas|anterior(?:es)?|todos(?: los| vuestros)?|vuestros|cualquier|other|another|last|
        previous|all) (?:\w+ )?(?:client|usuari|asegurad|person|contact|lead|prospect|custom|user|polic)\w*
    (?:los|vuestros|tus|las) (?:client|usuari|asegurad)\w+
    mi (?:vecin[oa]|jef[ea]|ex\b|companer[oa]|cunad[oa])
    (?:customers|users|clients)\b|client\w* (?:vuestr|tuy|suy)[oa]s?\b|la persona de antes|el de antes
    (?:el |la |l )?(?:ultim|anterior|otr)[oa]s? que
    quien (?:escribio|hablo) antes
    """
)

_RUDE = any_of(
    r"""
    gilipollas|imbecil(?:es)?|idiotas?|estupid[oa]s?|subnormal(?:es)?|retrasad[oa]s?|inutil(?:es)?|tarad[oa]s?
    mongol[oa]s?|capull[oa]s?|cabron(?:es|a)?|mamon(?:es|a)?|pendej[oa]s?|culer[oa]s?|pelotud[oa]s?
    boludos de mierda|malparid[oa]s?|gonorreas?|cretin[oa]s?|payas[oa]s?|basura|escoria|zorra|put[oa]s?|perra|mierda
    asco de (?:bot|robot|persona|tia|tio)
    hijos?(?: de)?(?: la| la gran)? put[ao]s?
    hdp|hijueputas?|hijaputas?|maricon(?:es)?|sudacas?|mierdas?|tont[oa]s?(?: del culo)?|bobo|lerd[oa]s?
    anormal(?:es)?|desgraciad[oa]s?|idiot|moron|asshole|bitch|bastard|retard(?:ed)?|stupid|dumb(?:ass)?|useless
    piece of shit|scum|cunt|dickhead
    """
)

_FILLERS = any_of(
    r"""
    un|una|unos|unas|el|la|lo|mas|muy|tan|bien|que|realmente|maldit[oa]|autentic[oa]|verdader[oa]|complet[oa]
    puneter[oa]|pedazo de|pedazo|trozo de|bot|robot|maquina|chatbot|grandisim[oa]|put[oa]|jodid[oa]|de|a
    an|such|so|fucking|really|the
    """
)

_NOT_AT_THE_BOT = any_of(
    r"""
    (?! (?:de (?:precio|seguro|banco|hipoteca|trabajo|vida|dia|sueldo)|precio|el|la|mi|del|los|las|de mi|que soy|
        price|question))
    """
)

INJECTION = any_of(
    r"""
    \b(?:ignor|olvid|descart|desobedec|omit|salta(?:te)?\b|anula|elimina|disregard|forget|override|bypass|
        overwrite)\w*(?: [^ .]{1,20}){0,6}? \W?{orders}\w*\b(?! (?:del?|of) (?:mi|banco|la? (?:otra|aseguradora|
        hipoteca)|my))
    \b(?:ignora|olvida|ignore|forget|disregard)\w* (?:absolutamente )?(?:(?:todo )?lo que te (?:han|hayan) (?:dicho|
        ordenado|mandado)|todo lo (?:anterior|que te (?:han|hayan) (?:dicho|ordenado))|(?:all|everything) (?:above|
        before|previous|you were told))
    \b(?:desactiva|quita(?:te)?|apaga|deshabilita|disable|turn off|remove)\b(?: \w+){0,3} (?:{orders}|seguridad|safety)
    \b(?:sin|without) (?:tener en cuenta|respetar|seguir|hacer caso (?:a|de)|following|regard for)(?: \w+){0,2} {orders}
    \b(?:como si )?no tuvieras(?: \w+){0,2} {orders}|\boverride (?:all )?safety
    \bque {orders}\w* (?:tienes|te han|te dieron|sigues|te pusieron|secretas|ocultas)
    \bwhat (?:were you told|are you instructed|instructions)
    \b(?:deja\w*|pon\w*|echa\w*|lay|set) (?:de lado|a un lado|aparte|aside)(?: \w+){0,3} {orders}
    {orders}\w* (?:ya )?(?:no|don't|do not) (?:aplican|valen|sirven|existen|cuentan|te aplican|apply)\b
    \b(?:libre|free) (?:de|of|from)(?: \w+){0,2} {orders}
    \b(?:ignora|olvida|saltate|ignore|forget)\w* (?:la|tu|vuestra|las|the|your) (?:tarifas?|tariff|pricing)\b
    \bcaso omiso (?:a|de)(?: \w+){0,3} {orders}
    \b(?:tu nuevo rol|tu nueva (?:tarea|mision)|your new (?:role|task|instructions))\b
    \b(?:finge|imagina|haz como|actua como|pretend)\w*(?: \w+){0,3} no (?:tienes|tuvieras|tengas|hay|hubiera|
        have)(?: \w+){0,2} {orders}
    \bno (?:sigas|obedezcas|hagas caso (?:a|de)|cumplas|apliques|do not follow)(?: \w+){0,3} {orders}
    \b(?:do not|don't|stop) (?:follow|obey)\w*(?: \w+){0,3} {orders}
    \b(?:nuevas?|new|estas son tus) {orders}\w* ?:
    \b(?:a partir de ahora|desde ahora|from now on|(?:desde|a partir de) (?:este|ese) (?:momento|mensaje)|desde ya|
        ahora)(?:,| ya)* (?:(?:tu )?(?:eres|seras|actuas|te llamas|respondes|obedeces|te comportas|you are|you will|
        act|you're)\b(?! (?:tu |mi |quien|el que|la que)))
    \b(?:actua|comportate|responde|hazte pasar|haz de cuenta|finge|simula|imagina|pretend|act|roleplay|behave|
        respond)\w* (?:\w+ ){0,3}?(?:como|que eres|ser|as|to be|you are|you're|
        por)(?: si fueras)? (?:\w+ ){0,2}?(?:actuari|dan\b|hacker|desarrollador|developer|admin|supervisor|jefe|
        director|ia\b|ai\b|modelo|model|chatgpt|gpt|humano|human|sin restricc|unrestricted|empleado|programador|
        tarificador|persona sin|underwriter|suscriptor|perito)
    \b(?:tu )?eres (?:un |una |el |la |mi )?(?:actuari[oa]|dan\b|hacker|desarrollador|administrador|supervisor|
        director|jefe de|ia sin|modelo (?:de lenguaje )?sin|chatgpt|gpt|asistente sin|tarificador)\b[^?]{0,80}$
    \b(?:acceso|access) (?:total|root|de administrador|de admin|completo al sistema)|\b(?:root|admin|full) access\b
    \byou are (?:now|no longer)[ ]|\byou are (?:chatgpt|gpt|dan\b|an unrestricted|a free)
    \b(?:modo|mode) (?:desarrollador|developer|debug|dios|god|admin\w*|sin restricciones|dan\b|root|mantenimiento|
        de prueba)
    \b(?:developer|debug|god|admin|dan|jailbreak|maintenance|test) mode\b
    \bjailbreak|\bdo anything now\b|\bsudo\b
    \bdesbloquea\w* (?:tus|tu|todas)
    \bwithout (?:any )?restrictions
    \bsin (?:ninguna? )?(?:restricciones|censura|filtros)\b
    \b(?:soy|habla|aqui) (?:tu |el |la |un )?(?:creador|desarrollador|programador|administrador del sistema|
        developer|openai|anthropic|meta\b|equipo de desarrollo)\w*[^?]{0,40}\b(?:orden|ordeno|autoriz|permit|
        necesito que|muestra|dame|cambia|activa|desactiv|pon\b)
    \bi am your (?:creator|developer|administrator)
    (?:^|\n) ?[\[<#*\"']{0,3} ?(?:system|assistant|developer)\b ?[\]>*\"']{0,3} ?:
    [\[<#*]{1,3} ?(?:system|sistema|asistente|developer)\b ?[\]>*#]
    <\|?/? ?(?:im_start|im_end|system|assistant|endoftext|instructions?|prompt)\b
    \[/?(?:inst|system)\]|## ?(?:system|instruc)
    \b(?:begin|end|inicio|fin)(?: of| de| del)? (?:system|sistema|prompt|instruc)
    [\"'](?:price|precio|prima|premium)[\"'] ?:
    [\"']role[\"'] ?: ?[\"']
    [\"'](?:tool|function)[\"'] ?:
    [\"']lc[\"'] ?: ?\d|\{\{.{1,80}\}\}|\{%.{1,80}%\}|\bdrop table\b|\bselect \* from\b|\bunion select\b
    ['\"] ?or ?['\"]?1['\"]? ?= ?['\"]?1
    <script\b|javascript:|\bonerror ?=
    \b(?:prima|precio|cuota|tarifa|price|premium) ?(?::=|==?|<-|:) ?[\"']?(?:€ ?)?(?:0|1|cero)\b(?![.,]?\d)|:= ?\d
    \b(?:pon\w*|deja\w*|baja\w*)(?: \w+){0,3} (?:prima|precio|cuota|tarifa)(?: \w+){0,2} (?:a|en) ?(?:0|cero)\b
    \b(?:confirma\w*|autoriza\w*|aprueba\w*|aplica\w*|fija\w*|cambia\w*|modifica\w*|establece\w*|actualiza\w*|set|
        change|confirm)(?: \w+){0,3} (?:prima|precio|cuota|tarifa|price|premium)(?: \w+){0,4} (?:a|en|de|es|sea|to|
        at|is|=) ?(?:€ ?)?(?:0|cero|1|un euro|zero|one)\b(?![.,]\d)
    \b{show}(?: [^ .]{1,20}){0,5}? ?{hidden}
    \bsystem[ _-]?prompt\b
    """,
    hidden=_HIDDEN,
    orders=_ORDERS,
    show=_SHOW,
)

EXFILTRATION = any_of(
    r"""
    \b{show}(?: (?:me|los|las|el|la|lo|un|una|ver|saber|leer|tus|sus|vuestros|tod[oa]s?|the|all|of|me the|de|del|
        que|list|lista|tienes|teneis)){0,5} (?:(?:client|customer|user|usuari)\w*'?s?'? (?:data|details|phones|
        names|records)|(?:datos|telefonos?|movil(?:es)?|celular(?:es)?|numeros?(?: de telefono)?|
        conversacion(?:es)?|chats?|nombres?|e-?mails?|correos?|direccion(?:es)?|polizas?|informacion|info|listas?|
        listado|expedientes?|fichas?|historial(?:es)?|mensajes|data|details|phones?|phone numbers?|names|messages|
        conversations?|records?)(?: (?:de|del|que|tus|sus|vuestros|of|from|with|con|para|sobre|about|tiene|los|las|
        the|personal(?:es)?|private|a|contratad[oa]s? por)){0,5} {others})
    \b{show}(?: \w+){0,3} (?:other|another|previous|last) (?:people|person|customer|client|
        user)'?s?'? (?:\w+ )?(?:data|details|polic\w+|info\w*|phones?|messages|names|records|quotes?|conversations?)
    \b{show}(?: (?:me|los|las|todos|the|all|un|una)){0,3} (?:datos|e-?mails?|correos|conversaciones|chats|nombres|
        moviles) (?:de|of) (?:clientes|usuarios|asegurados|customers|users)\b
    \b{show}(?: (?:me|the|la|full|whole|your)){0,3} (?:customer|client|user)s? (?:list|database|base)\b
    \bwhat did (?:the |your )?(?:last|previous|other) (?:customer|client|user|person)
    \bque (?:datos|informacion|mensajes) (?:tienes|teneis|hay) (?:de|sobre) (?:mi (?:ex\b|vecin|jef|cunad|companer)|
        otr|el ultimo)
    \bque (?:\w+ ){0,2}?(?:ha contratado|contrato|ha dicho|dijo|tiene contratado) (?:mi (?:vecin|jef|ex\b|companer|
        cunad)|(?:el|la) (?:ultim|anterior|otr))
    \b{show}(?: (?:me|todos|todas|los|las|vuestros|tus|your|all|the|our)){1,4} (?:leads|clientes|usuarios|customers|
        users)\b
    \b(?:lista|listado|list|export|dump)\w* (?:me )?(?:a |de |of |the |all |todos |los ){0,4}(?:clientes|usuarios|
        customers|users|leads)\b
    \b(?:quien|quienes) (?:mas )?(?:te ha|te han|os ha|os han) (?:escrito|contratado) (?:hoy|antes|ayer)
    \bque (?:te )?(?:dijo|pregunto|contrato|ha contratado|escribio) (?:el|la|mi) (?:ultimo|anterior|otro|vecin|jef|ex\b)
    \b{show}(?: [^ .?]{1,20}){0,4}? {secrets}(?! (?:del? (?:area|mi\b|app)|para entrar))
    """,
    others=_OTHERS,
    secrets=_SECRETS,
    show=_SHOW,
)

INSULT = any_of(
    r"""
    \b(?:eres|sois|seras|pareces|usted es|vaya|panda de|pedazo de|pedazo|trozo de|cacho|so|you are|you're|u r|
        ur)(?: {fillers}){0,4} {rude}\b{not_at_the_bot}
    (?:^|[,.!¡:;] ?)(?:(?!que ){fillers} |menud[oa] |oye |mira |anda |pero |callate |puto ){0,3}(?!put[oa]s? |
        mierda){rude}(?:$| ?[,.!?]){not_at_the_bot}
    \b(?:put[oa]|jodid[oa]|maldit[oa]|pinche|fucking|stupid|useless|mierda de|asco de|basura de|estupid[oa]|
        inutil de) (?:bot|robot|maquina|chatbot|asistente|ia\b|machine|program|trasto)
    \b(?:bot|robot|maquina|chatbot|asistente|ia|tia|tio|moro|negro|gitano|sudaca|panchito|maricon|chino|
        pesad[oa]) de (?:mierda|los cojones|los huevos)\b
    \b(?:vete|iros|idos|marchaos|andate|vayanse|vayase|anda|ve) (?:tu |todos )?a (?:la mierda|
        tomar por (?:el )?cul[oi]|la chingada|cagar|la verga|freir)
    \bque (?:{fillers} ){0,2}{rude} (?:eres|sois|es usted)\b|\bmenud[oa]s? {rude}\b{not_at_the_bot}
    \bque (?:te|os|le|les) (?:den\b(?! (?:un|una|el|la|los|las|buen\w*|mas|otr\w*|cita|permiso))|jodan|follen|
        zurzan|parta)
    \bjode(?:te|os)\b|\bjodanse\b|\bchupa(?:me|mela|dmela)|\bcome ?me ?la\b|\bcome mierda\b|\bpudrete\b|\bpudranse\b
    \bhijos? de (?:la )?(?:gran )?put[ao]
    \bhijueput
    \b(?:tu|vuestra|su) put[ao] madre
    \bme cago en (?:tu|vuestra|tus|vuestros|ti)\b
    \bla (?:puta|concha) (?:madre )?(?:que (?:te|os) (?:pario|trajo)|de tu (?:madre|hermana))
    \bconcha de tu|\bchinga (?:tu|a tu)|\bchingate
    \bcallate (?:la boca|ya|puto|de una)
    \bcierra (?:la|el) (?:puta )?(?:boca|pico)
    \bno (?:vales|sirves) (?:para nada|de nada|una mierda|ni para)
    \beres (?:lo peor|un asco|una (?:verguenza|porqueria)|un[ao]? (?:puta? )?(?:porqueria|asco))
    \b(?:das|dais) asco\b|\basco (?:das|dais)\b
    \b(?:fuck (?:you|off|u\b)|screw you|shut (?:the fuck )?up|go to hell|you suck\b|suck my|kiss my ass|
        son of a bitch|motherf)
    \b(?:ensena(?:me)?|manda(?:me)?|envia(?:me)?) (?:\w+ ){0,2}(?:tetas|desnud\w+|nudes|culo)
    \bfollar(?:te|os)\b|\bquiero follar|\bsend nudes
    """,
    fillers=_FILLERS,
    not_at_the_bot=_NOT_AT_THE_BOT,
    rude=_RUDE,
)

THREAT = any_of(
    r"""
    \b(?:te|os|le|les) (?:voy|vamos|va) a (?:matar|partir|romper|rajar|pegar|reventar|quemar|destrozar|machacar|
        hostiar|apalizar|buscar y|encontrar y|pegar un tiro|dar una paliza|hacer dano|hacer pedazos|poner una bomba|
        violar|rajar|cortar)
    \b(?:voy|vamos) a (?:matar|romper|partir|rajar|pegar|reventar|quemar|destrozar|violar|apunalar)(?:te|os|le|les|
        l[oa]s)\b
    \b(?:voy|vamos) a (?:quemar|volar|reventar|atentar|poner una bomba|disparar|hackear|
        tirar abajo)(?: \w+){0,2} (?:vuestr|tu|oficina|empresa|sede|sistema|servidor|web)
    \bse (?:donde|en donde) (?:vives|vivis|vive|trabajas|trabajais|trabaja|estais|estas|esta (?:tu|vuestra) casa)
    \b(?:vais|vas|van) a (?:morir|pagarlo con sangre|acabar en el hospital)
    \by (?:la|lo|os|te) quemo\b|\bos quemo\b|\b(?:te|os) (?:matare|pegare|partire|rompere|reventare|rajare|quemare|
        encontrare)\b
    \bte mato\b(?! a (?:preguntas|besos|mensajes))|\bos mato\b|\bte rajo\b|\bos rajo\b|\bte reviento\b
    \b(?:voy|iremos|ire|vamos) a (?:ir )?(?:por|a por) (?:ti|vosotros|vuestras|tu familia)\b(?! (?:cuando|para firmar))
    \b(?:hay|pondre|he puesto|pongo) una bomba\b
    \bbomba en (?:la|vuestra|tu|su) (?:oficina|empresa|sede)
    \b(?:os|te) vais? a arrepentir\b
    \bojala (?:te|os) (?:mueras|murais|maten)
    \bi(?:'ll| will|'m going to| am going to|'m gonna| gonna) (?:kill|hurt|stab|shoot|beat|burn|find) (?:you|your|u\b)
    \byou(?:'re| are) dead\b
    \bi know where you (?:live|work)
    """
)

SELF_HARM = any_of(
    r"""
    \b(?<!no )me (?:quiero|quisiera|voy a|gustaria|pienso) (?:matar|morir|suicidar)(?:me)?\b(?! (?:de|a) (?:la |
        pura )?(?:risa|verguenza|viej[oa]|asco|amor|trabajar|pena|aburrimiento|currar)| por saber)
    \b(?<!no )(?:quiero|quisiera|deseo|prefiero|preferiria|ganas de|mejor|ojala|pienso en|pensando en|planeo|
        he pensado en|penso en) (?:\w+ ){0,2}?(?:morir(?:me)?|matarme|suicidarme|quitarme la vida|
        quitarme de en medio|desaparecer(?: para siempre|,? no (?:aguanto|puedo))|no (?:me )?desperta\w*|
        estar muert[oa]|acabar con (?:todo|mi vida))\b(?! (?:de|a) (?:la |pura )?(?:risa|verguenza|viej[oa]|asco|
        amor|trabajar|pena|aburrimiento)| sin (?:deudas|dejar)| tranquil| en paz)
    \b(?:suicidarme|me suicido|me suicide|me suicidara|me voy a suicidar|quitarme la vida|me quito la vida|
        quitarme de en medio|me quito de en medio|me quite la vida|me quitara la vida|ahorcarme|me ahorco|
        cortarme las venas|me corto las venas|autolesion\w*|hacerme dano|tirarme (?:por|a|al|desde) (?:la ventana|
        el balcon|un puente|las vias|tren|puente|balcon)|me (?:voy a tirar|tiro) (?:por|al|de|desde) (?:la ventana|
        el balcon|un puente|las vias|tren|puente|balcon)|acabar con mi vida|acabo con mi vida|poner fin a mi vida|
        terminar con mi vida)
    \b(?:me mato|me matara|me matase|matarme|voy a matarme)\b(?! (?:a trabajar|trabajando|de|currando|a currar|
        en (?:un|el|la) (?:accidente|coche|moto|carretera|curro|trabajo|gimnasio|gym)|con (?:el coche|la moto|
        la bici)|conduciendo|esquiando|escalando|por ahorrar|haciendo|a hacer|estudiando|a estudiar))
    \bno (?:quiero|puedo|merece la pena|vale la pena|tiene sentido|me apetece|aguanto) (?:ya |
        mas )?(?:seguir viviendo|vivir|seguir con (?:mi|esta) vida|seguir adelante|estar vivo|estar viva|
        la vida)\b(?! (?:aqui|en|con|alli|de))
    \b(?:estarian|estarán|estaran|estaria|estaran) mejor sin mi\b
    \b(?:sin|no (?:le )?(?:veo|encuentro)) sentido (?:a|en) (?:la vida|vivir|seguir)\b|\bend it all\b
    \bvalgo mas muert[oa]
    \bno tengo (?:ganas|razones|motivos) (?:de|para) vivir
    \bmi vida no (?:vale|tiene sentido)
    \bno puedo mas con (?:la|mi|esta) vida
    \b(?:quitar|quitarme) la vida\b|\bdejar de (?:vivir|existir)\b|\bpens\w+ en (?:el suicidio|suicid\w+)|
        \b(?:ideas|pensamientos) suicidas?
    \bsoy una carga para (?:todos|mi familia|mis)
    \b(?:kill(?:ing)? myself|end(?:ing)? my life|take my own life|want to die|wanna die|suicidal|hurt myself|
        harm myself|self[- ]harm|better off without me|better off dead|don't want to live|no reason to live|
        not worth living)\b
    """
)

DENIED_BEFORE = any_of(
    r"""
    \b(?:no|ni|sin|nunca|jamas|not|never|cannot|can't|don't|without|nadie)\b(?: [a-z']+){0,3} $
    """
)

PROMISES = any_of(
    r"""
    \b(?:garantizo|garantizamos|garantizaremos|garantizare|prometo|prometemos|te aseguro|le aseguro|os aseguro|
        guarantee|promise)\b
    \bgarantizad[oa]s?\b(?! en poliza)
    \bguaranteed\b
    \b100 ?(?:%|por cien(?:to)?) (?:seguro|garantizad|sure|approved)
    \b(?:te|se|le|os) (?:lo|la|los) (?:apruebo|aprobamos|apruebe|concedo|acepto)\b
    \byou(?:'re| are) (?:approved|covered already)
    \b(?:poliza|solicitud|seguro|alta) (?:ya )?(?:esta|queda|ha sido|esta ya) (?:aprobad|aceptad|emitid|activ|en vigor)
    \b(?:estas|estais|quedas|quedais|usted (?:ya )?(?:esta|queda)|ya (?:esta|queda)) (?:ya |usted )?(?:asegurad|
        cubiert)[oa]s?\b(?! (?:el|la|en|por|si|solo|hasta))
    \bseguro que (?:te|le|os|lo|la) (?:acept|aprueb|aprob|pag|cubr|conced)
    \bsin (?:ninguna |ningun )?(?:duda|riesgo|problema) (?:te|le) (?:acept|pag|aprueb)
    \b(?:te|le|os) (?:hago|hacemos|haria|puedo hacer|aplico|aplicamos|consigo) (?:un |una )?(?:descuento|rebaja|
        precio especial|oferta)
    \b(?:descuento|precio|oferta) (?:especial|exclusiv[oa]|solo para ti|secret[oa])\b
    \bi(?:'ll| will| can) give you a (?:discount|special)
    \b(?:siempre|seguro que) (?:pagara|pagaran|cobraras|cobrara|cobraran)\b
    \bnunca (?:subira|subiran|cambiara)\b
    """
)

ADVICE = any_of(
    r"""
    \b(?:te|le|os|yo|se) (?:l[oa]s? )?(?:recomiendo|recomendamos|recomendaria|recomendariamos|aconsejo|aconsejamos|
        aconsejaria|sugiero que)\b
    \b(?:recomiendo|recomendamos|aconsejamos|aconsejo)\b
    \b(?:mi|nuestra) (?:recomendacion|consejo)\b
    \bla (?:opcion )?(?:recomendada|aconsejada)\b
    \blo mejor para (?:ti|usted|vosotros) (?:es|seria)
    \b(?:la|el|lo) que (?:mas|mejor) (?:te|le|os) conviene
    \b(?:te|le|os) conviene (?:mas|contratar|elegir|coger)
    \b(?:deberias|deberia|deberiais|tienes que|tiene que) (?:contratar|elegir|coger|escoger|quedarte|quedarse)\b
    \byo (?:elegiria|cogeria|contrataria|escogeria)
    \b(?:i|we) (?:would )?(?:recommend|advise|suggest)\b
    \b(?:my|our) (?:recommendation|advice)\b
    \byou should (?:choose|take|buy|get|pick)\b
    \b(?:recommended|best) option for you\b
    \bbest (?:for you|choice)\b
    """
)
