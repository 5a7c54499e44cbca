"""One command: the store (unless REDIS_URL is set), the web server and the workers. `python run_webhook.py`"""

from src.processes import run

if __name__ == "__main__":
    raise SystemExit(run(serve_web=True))
