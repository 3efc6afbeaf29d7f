"""Calls the service with the Python service SDK: reads a task as a line of JSON, writes the result."""

import json
import os
import sys

from provisioningserviceclient import ProvisioningServiceClient, QuerySpecification
from provisioningserviceclient.models import (
    AttestationMechanism,
    BulkEnrollmentOperation,
    EnrollmentGroup,
    IndividualEnrollment,
    SymmetricKeyAttestation,
)


def attestation(task):
    keys = SymmetricKeyAttestation(primary_key=task["primaryKey"], secondary_key=task["secondaryKey"])
    return AttestationMechanism(type="symmetricKey", symmetric_key=keys)


def individual(task, id):
    return IndividualEnrollment(registration_id=id, device_id="the-device", attestation=attestation(task))


def pages(query):
    """The ids of all pages."""
    found = []
    while query.has_next:
        try:
            page = query.next()
        except StopIteration:  # the SDK raises it for an empty page
            break
        found.append([getattr(item, "registration_id", None) or item.enrollment_group_id for item in page])
    return found


def put(client, task):
    return client.create_or_update(individual(task, task["id"])).as_dict()


def put_group(client, task):
    group = EnrollmentGroup(enrollment_group_id=task["id"], attestation=attestation(task))
    return client.create_or_update(group).as_dict()


def update(client, task):
    enrollment = client.get_individual_enrollment(task["id"])
    enrollment.provisioning_status = "disabled"
    return client.create_or_update(enrollment).as_dict()


def get_group(client, task):
    return client.get_enrollment_group(task["id"]).as_dict()


def delete(client, task):
    return client.delete_individual_enrollment_by_param(task["id"])


def keys(client, task):
    return client.get_individual_enrollment_attestation_mechanism(task["id"]).as_dict()


def registration(client, task):
    return client.get_registration_state(task["id"]).as_dict()


def bulk(client, task):
    enrollments = [individual(task, id) for id in task["ids"]]
    operation = BulkEnrollmentOperation(mode=task["mode"], enrollments=enrollments)
    return client.run_bulk_operation(operation).as_dict()


def query(client, task):
    return pages(client.create_individual_enrollment_query(QuerySpecification(query=task["text"]), task.get("size")))


def query_groups(client, task):
    return pages(client.create_enrollment_group_query(QuerySpecification(query=task["text"]), task.get("size")))


def query_registrations(client, task):
    # The SDK's own query of registrations calls this with arguments that do not fit. It sends no body.
    found = client._runtime_client.query_device_registration_states(task["id"])
    return [[item.registration_id for item in found]]


def perform(task):
    os.environ["REQUESTS_CA_BUNDLE"] = task["ca"]
    try:
        client = ProvisioningServiceClient.create_from_connection_string(task["connectionString"])
        return {"done": globals()[task["do"]](client, task)}
    except Exception as error:  # any error is a result of the SDK
        return {"error": {"message": f"{type(error).__name__}: {error}"}}


for line in sys.stdin:
    print(json.dumps(perform(json.loads(line))), flush=True)
