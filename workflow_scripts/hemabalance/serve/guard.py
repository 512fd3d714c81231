"""Who may talk to the server: pages of its own address only, and no other site through the browser of the person."""

from collections.abc import Awaitable, Callable

from aiohttp import web

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")

HEADERS = {
    # `data:` for the previews. Nothing may be loaded from another address.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests of other sites, and add the headers of security to every response.

    A site whose name is made to point to this computer (DNS rebinding) sends its own name as `Host`; a form or script
    of another site sends its own `Origin`.
    """
    port = request.transport.get_extra_info("sockname")[1] if request.transport else None
    allowed = [f"{name}:{port}" for name in NAMES] + ([*NAMES] if port == 80 else [])
    if request.headers.get("Host") not in allowed:
        response: web.StreamResponse = _refusal(f"This page has the address http://{HOST}:{port}/ only.")
    elif request.method not in ("GET", "HEAD") and request.headers.get("Origin") not in _origins(allowed):
        response = _refusal("Only the page of this program may send images to it.")
    else:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = web.json_response({"error": error.text}, status=error.status)
    response.headers.update(HEADERS)
    return response


def _origins(hosts: list[str]) -> list[str]:
    return [f"http://{host}" for host in hosts]


def _refusal(reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=web.HTTPForbidden.status_code)
