"""Drives the emulated AWS with boto3; one JSON object of findings on standard output.

Endpoints come from the environment: EC2_URL, PRICING_URL, QUOTAS_URL, SQS_URL, and the image to boot from IMAGE.
"""

import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"


def client(service, variable):
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=os.environ[variable],
        aws_access_key_id="EMULATED",
        aws_secret_access_key="emulated",
        config=Config(retries={"max_attempts": 1, "mode": "standard"}),
    )


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return [error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]]
    return None


def main():
    ec2 = client("ec2", "EC2_URL")
    found = {}

    types = ec2.get_paginator("describe_instance_types").paginate(
        Filters=[{"Name": "instance-type", "Values": ["g5.*"]}], PaginationConfig={"PageSize": 5}
    )
    found["types"] = sorted(each["InstanceType"] for page in types for each in page["InstanceTypes"])
    gpu = ec2.describe_instance_types(InstanceTypes=["g5.xlarge"])["InstanceTypes"][0]["GpuInfo"]["Gpus"][0]
    found["gpu"] = [gpu["Name"], gpu["Count"], gpu["MemoryInfo"]["SizeInMiB"]]
    offerings = ec2.describe_instance_type_offerings(
        LocationType="availability-zone-id", Filters=[{"Name": "instance-type", "Values": ["g5.xlarge"]}]
    )
    found["offerings"] = sorted(each["Location"] for each in offerings["InstanceTypeOfferings"])
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    found["zoneIds"] = sorted(each["ZoneId"] for each in zones)
    history = ec2.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=["g5.xlarge"], ProductDescriptions=["Linux/UNIX"], PaginationConfig={"PageSize": 2, "MaxItems": 5}
    )
    found["spotPrices"] = [float(each["SpotPrice"]) for page in history for each in page["SpotPriceHistory"]]

    launch = {
        "ImageId": os.environ["IMAGE"],
        "InstanceType": "g5.xlarge",
        "MinCount": 1,
        "MaxCount": 3,
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": [{"Key": "owner", "Value": "boto3"}]} for kind in ("instance", "volume")
        ],
        "UserData": "#!/bin/sh\necho hello",
        "ClientToken": "token-1",
    }
    found["dryRun"] = code_of(ec2.run_instances, **launch, DryRun=True)
    first = [each["InstanceId"] for each in ec2.run_instances(**launch)["Instances"]]
    again = [each["InstanceId"] for each in ec2.run_instances(**launch)["Instances"]]
    found["sameToken"] = first == again
    found["started"] = len(first)
    found["otherParameters"] = code_of(ec2.run_instances, **{**launch, "MaxCount": 2})
    found["unknownType"] = code_of(ec2.run_instances, **{**launch, "InstanceType": "z9.huge", "ClientToken": "t2"})

    pages = list(
        ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "tag:owner", "Values": ["boto3"]}], PaginationConfig={"PageSize": 5}
        )
    )
    listed = [each for page in pages for one in page["Reservations"] for each in one["Instances"]]
    found["listed"] = sorted(each["InstanceId"] for each in listed) == sorted(first)
    found["state"] = sorted({each["State"]["Name"] for each in listed})
    volumes = ec2.describe_volumes(Filters=[{"Name": "tag:owner", "Values": ["boto3"]}])["Volumes"]
    found["volumes"] = [len(volumes), sorted({each["State"] for each in volumes})]
    found["volumeInUse"] = code_of(ec2.delete_volume, VolumeId=volumes[0]["VolumeId"])
    found["terminateDryRun"] = code_of(ec2.terminate_instances, InstanceIds=first, DryRun=True)
    found["oneUnknown"] = code_of(ec2.terminate_instances, InstanceIds=[first[0], "i-0fffffffffffffff0"])
    ended = ec2.terminate_instances(InstanceIds=first)["TerminatingInstances"]
    found["terminated"] = sorted({each["CurrentState"]["Name"] for each in ended})

    scores = ec2.get_spot_placement_scores(
        InstanceTypes=["g5.xlarge", "g5.2xlarge", "g5.4xlarge"],
        TargetCapacity=1,
        TargetCapacityUnitType="units",
        SingleAvailabilityZone=True,
        RegionNames=[REGION],
    )["SpotPlacementScores"]
    found["scores"] = sorted({each["Score"] for each in scores})
    found["reservations"] = ec2.describe_capacity_reservations()["CapacityReservations"]

    products = client("pricing", "PRICING_URL").get_products(
        ServiceCode="AmazonEC2",
        Filters=[
            {"Type": "TERM_MATCH", "Field": name, "Value": value}
            for name, value in {
                "regionCode": REGION,
                "instanceType": "g5.xlarge",
                "operatingSystem": "Linux",
                "tenancy": "Shared",
                "preInstalledSw": "NA",
                "capacitystatus": "Used",
            }.items()
        ],
    )["PriceList"]
    found["products"] = [json.loads(each)["product"]["attributes"]["instanceType"] for each in products]
    quota = client("service-quotas", "QUOTAS_URL").get_service_quota(ServiceCode="ec2", QuotaCode="L-DB2E81BA")
    found["quota"] = quota["Quota"]["Value"]

    sqs = client("sqs", "SQS_URL")
    # Older clients speak SQS's Query protocol, which the emulated queue does not.
    found["queue"] = sqs.meta.service_model.metadata["protocol"]
    if found["queue"] != "json":
        print(json.dumps(found))
        return
    queue = os.environ["SQS_URL"] + "/000000000000/gpu-broker-interruptions"
    states = []
    while True:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            break
        states += [json.loads(each["Body"])["detail"].get("state") for each in messages]
        entries = [{"Id": str(index), "ReceiptHandle": each["ReceiptHandle"]} for index, each in enumerate(messages)]
        found["deleted"] = len(sqs.delete_message_batch(QueueUrl=queue, Entries=entries)["Successful"])
    found["states"] = sorted(set(states))
    found["noQueue"] = code_of(sqs.receive_message, QueueUrl=queue + "-other")
    print(json.dumps(found))


main()
