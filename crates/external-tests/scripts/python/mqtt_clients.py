"""Registers a device with paho, aiomqtt or gmqtt: reads the parameters as a line of JSON, writes the result."""

import asyncio
import json
import queue
import ssl
import sys
from urllib.parse import parse_qs

RESPONSES = "$dps/registrations/res/#"


def tls(params):
    context = ssl.create_default_context(cafile=params["ca"])
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(params["cert"], params["key"])
    return context


def user_name(params):
    return f"{params['idScope']}/registrations/{params['registrationId']}/api-version=2019-03-31&ClientVersion=test"


def register_request(params):
    return "$dps/registrations/PUT/iotdps-register/?$rid=1", json.dumps({"registrationId": params["registrationId"]})


def next_request(topic, payload):
    """The wait and the query that follow an answer, or None and the registration state."""
    body = json.loads(payload)
    if body["status"] != "assigning":
        return None, body["registrationState"]
    wait = int(parse_qs(topic.split("?")[1]).get("retry-after", ["0"])[0])
    query = f"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={body['operationId']}"
    return wait, query


def paho(params):
    import time

    import paho.mqtt.client as mqtt

    arrived = queue.Queue()
    transport = "websockets" if params["websocket"] else "tcp"
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id=params["registrationId"], protocol=mqtt.MQTTv311, transport=transport
    )
    client.username_pw_set(user_name(params))
    client.tls_set_context(tls(params))
    if params["websocket"]:
        client.ws_set_options(path="/$iothub/websocket")
    client.on_connect = lambda client, *_: client.subscribe(RESPONSES, 1)
    client.on_subscribe = lambda *_: arrived.put("subscribed")
    client.on_message = lambda _client, _data, message: arrived.put((message.topic, message.payload))
    client.connect(params["host"], params["port"])
    client.loop_start()
    assert arrived.get(timeout=20) == "subscribed"
    topic, body = register_request(params)
    while True:
        client.publish(topic, body, qos=1)
        wait, following = next_request(*arrived.get(timeout=20))
        if wait is None:
            client.disconnect()
            client.loop_stop()
            return following
        time.sleep(wait)
        topic, body = following, ""


async def aiomqtt(params):
    import aiomqtt as mqtt

    async with mqtt.Client(
        params["host"],
        params["port"],
        identifier=params["registrationId"],
        username=user_name(params),
        tls_context=tls(params),
        protocol=mqtt.ProtocolVersion.V311,
        transport="websockets" if params["websocket"] else "tcp",
        websocket_path="/$iothub/websocket",
    ) as client:
        await client.subscribe(RESPONSES, qos=1)
        topic, body = register_request(params)
        await client.publish(topic, body, qos=1)
        async for message in client.messages:
            wait, following = next_request(str(message.topic), message.payload)
            if wait is None:
                return following
            await asyncio.sleep(wait)
            await client.publish(following, "", qos=1)


async def gmqtt(params):
    from gmqtt import Client
    from gmqtt.mqtt.constants import MQTTv311

    arrived, connected = asyncio.Queue(), asyncio.Event()
    client = Client(params["registrationId"])
    client.set_auth_credentials(user_name(params))
    client.on_connect = lambda *_: connected.set()
    client.on_subscribe = lambda *_: arrived.put_nowait("subscribed")

    def on_message(_client, topic, payload, _qos, _properties):
        arrived.put_nowait((topic, payload))
        return 0

    client.on_message = on_message
    await client.connect(params["host"], params["port"], ssl=tls(params), version=MQTTv311)
    await connected.wait()
    client.subscribe(RESPONSES, qos=1)
    assert await asyncio.wait_for(arrived.get(), 20) == "subscribed"
    topic, body = register_request(params)
    while True:
        client.publish(topic, body, qos=1)
        wait, following = next_request(*await asyncio.wait_for(arrived.get(), 20))
        if wait is None:
            await client.disconnect()
            return following
        await asyncio.sleep(wait)
        topic, body = following, ""


def register(params):
    clients = {
        "paho": paho,
        "aiomqtt": lambda params: asyncio.run(aiomqtt(params)),
        "gmqtt": lambda params: asyncio.run(gmqtt(params)),
    }
    try:
        return {"assigned": clients[params["client"]](params)}
    except Exception as error:  # any error is a result of the client
        return {"error": {"message": f"{type(error).__name__}: {error}"}}


for line in sys.stdin:
    print(json.dumps(register(json.loads(line))), flush=True)
