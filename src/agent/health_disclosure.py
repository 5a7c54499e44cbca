HEALTH_MARK = "[dato de salud]"
CANCER_OVERCOME_MARK = "[cáncer superado hace más de 5 años]"


def redact_health(text: str) -> str:
    return text
