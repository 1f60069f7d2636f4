"""Tests of what CloudFormation would get: template.yaml, expanded by SAM's own translator, offline.

Run by tools/check-template, or by hand: .tools/bin/python tools/test_template.py
"""

import functools
import json
import logging
import os
import re
import unittest
from pathlib import Path

import boto3
import tomlkit
from samtranslator.parser.parser import Parser
from samtranslator.translator import arn_generator
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(os.environ.get("TEMPLATE", ROOT / "template.yaml")).read_text()
PARTITIONS = {"us-east-1": "aws", "cn-north-1": "aws-cn"}
STACK_UUID = "51af3dc0-da77-11e4-872e-1234567db123"
DROPPED = object()  # what AWS::NoValue leaves

# What each function counts. The names stand in shared/src/metrics.rs, too, which a test compares.
BOTH = {"Duration", "Refused", "ColdStart", "Unavailable", "Panicked"}
METRICS = {
    "AssignAgentFunction": BOTH
    | {"Answered", "Failed", "NotRecorded", "RulesetVersion", "RulesetAge"}
    | {"RulesetStale", "RulesetRejected", "RulesetMissing"},
    "SessionEventsFunction": BOTH
    | {"Stored", "Duplicate", "Conflict", "Quarantined", "Spilled", "Drained", "DrainFailed"},
}
DIMENSIONS = {"Answered": [{"Function"}, {"Function", "Rule"}], "Refused": [{"Function"}, {"Function", "Cause"}]}

logging.getLogger("samtranslator").setLevel(logging.ERROR)


class Stack:
    """The template's resources and outputs as they are with these parameters in this region."""

    def __init__(self, region, given):
        source = yaml_parse(TEMPLATE)
        for resource in source["Resources"].values():
            if "CodeUri" in resource.get("Properties", {}):
                resource["Properties"]["CodeUri"] = "s3://bucket/key"  # as after the upload
        self.parameters = {
            name: str(given.get(name, parameter.get("Default", ""))) for name, parameter in source["Parameters"].items()
        }
        self.pseudo = {
            "AWS::Region": region,
            "AWS::Partition": PARTITIONS[region],
            "AWS::AccountId": "123456789012",
            "AWS::StackName": "s" * 128,  # the longest there is
            "AWS::StackId": f"arn:{PARTITIONS[region]}:cloudformation:{region}:123456789012:stack/{'s' * 128}/{STACK_UUID}",
        }
        # The translator remembers the first region's partition.
        arn_generator._get_region_from_session.cache_clear()
        arn_generator._region_to_partition.cache_clear()
        self.template = Translator({}, Parser(), boto_session=boto3.Session(region_name=region)).translate(
            source, dict(self.parameters)
        )
        self.resources = {
            name: self.value(resource)
            for name, resource in self.template["Resources"].items()
            if self.holds(resource.get("Condition"))
        }
        self.outputs = {
            name: self.value(output["Value"])
            for name, output in self.template["Outputs"].items()
            if self.holds(output.get("Condition"))
        }

    def of_type(self, kind):
        return {name: found["Properties"] for name, found in self.resources.items() if found["Type"] == kind}

    def holds(self, condition):
        return condition is None or self.truth(self.template["Conditions"][condition])

    def truth(self, expression):
        ((name, operands),) = expression.items()
        if name == "Condition":
            return self.holds(operands)
        if name == "Fn::Not":
            return not self.truth(operands[0])
        if name == "Fn::And":
            return all(self.truth(operand) for operand in operands)
        if name == "Fn::Or":
            return any(self.truth(operand) for operand in operands)
        if name == "Fn::Equals":
            return str(self.value(operands[0])) == str(self.value(operands[1]))
        if name == "Fn::Contains":
            return self.value(operands[1]) in operands[0]
        raise AssertionError(f"{name} is not known here; teach Stack.truth")

    def value(self, value):
        if isinstance(value, list):
            return [found for found in map(self.value, value) if found is not DROPPED]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, operand),) = value.items()
            if name == "Ref":
                return self.reference(operand)
            if name == "Fn::GetAtt":
                return f"<{'.'.join(operand) if isinstance(operand, list) else operand}>"
            if name == "Fn::Sub":
                text, values = operand if isinstance(operand, list) else (operand, {})
                return self.substituted(text, {key: self.value(found) for key, found in values.items()})
            if name == "Fn::Select":
                return self.value(operand[1])[int(operand[0])]
            if name == "Fn::Split":
                return self.value(operand[1]).split(operand[0])
            if name == "Fn::If":
                return self.value(operand[1] if self.holds(operand[0]) else operand[2])
            if name.startswith("Fn::"):
                raise AssertionError(f"{name} is not known here; teach Stack.value")
        resolved = {key: self.value(found) for key, found in value.items()}
        return {key: found for key, found in resolved.items() if found is not DROPPED}

    def reference(self, name):
        if name == "AWS::NoValue":
            return DROPPED
        known = {**self.pseudo, **self.parameters}
        return known[name] if name in known else f"<{name}>"

    def substituted(self, text, values):
        def one(found):
            name = found[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in values:
                return str(values[name])
            return f"<{name}>" if "." in name else self.reference(name)

        return re.sub(r"\$\{([^}]+)\}", one, text)


@functools.cache
def expanded(region, given):
    return Stack(region, dict(given))


def stack(region="us-east-1", **given):
    given = {"SdkAppIds": "1400000001", "UrlKeys": "0123456789abcdef", **given}
    return expanded(region, tuple(sorted(given.items())))


DOMAIN = {
    "DomainName": "desk.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
}


def every_stack():
    for region, partition in PARTITIONS.items():
        for stage in ("dev", "prod"):
            yield stack(region, Stage=stage)
        certificate = DOMAIN["CertificateArn"].replace(":aws:", f":{partition}:")
        yield stack(
            region,
            **(DOMAIN | {"CertificateArn": certificate}),
            HostedZoneId="Z1",
            ProvisionedConcurrency=2,
            CallbackTokensParameter="/desk/tokens",
            UrlKeys="",
            UrlKeysParameter="/desk/keys",
            AlarmTopicArn=f"arn:{partition}:sns:{region}:123456789012:alarms",
        )


def texts(value):
    """Every text in a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, found in value.items():
            yield str(key)
            yield from texts(found)
    elif isinstance(value, list):
        for found in value:
            yield from texts(found)


def as_list(value):
    return value if isinstance(value, list) else [value]


def rust(*paths):
    """Source files without their tests."""
    return "".join((ROOT / path).read_text().split("#[cfg(test)]")[0] for path in paths)


EDGE = ["shared/src/edge.rs", *sorted((ROOT / "shared/src/edge").glob("*.rs"))]


def calls_of_apis(found):
    """Route, alias and integration of every method of the API."""
    for api in found.of_type("AWS::ApiGatewayV2::Api").values():
        for path, methods in api["Body"]["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation["x-amazon-apigateway-integration"]


class Permissions(unittest.TestCase):
    # Managed by AWS, and starred, because what they allow has no resources, or none that could be known.
    MANAGED = {
        "service-role/AWSLambdaBasicExecutionRole": "writes to log groups; SAM adds it (docs/threat-model.md)",
        "AWSXrayWriteOnlyAccess": "sends traces, which belong to no resource",
        "AWSXRayDaemonWriteAccess": "the same in China",
        "service-role/AWSCodeDeployRoleForLambda": "CodeDeploy's own: it moves aliases and looks at alarms",
    }

    def test_policies_name_single_actions_on_single_resources(self):
        for found in every_stack():
            for name, role in found.of_type("AWS::IAM::Role").items():
                for policy in role.get("Policies", []):
                    for statement in policy["PolicyDocument"]["Statement"]:
                        self.assertEqual(statement["Effect"], "Allow", name)
                        self.assertNotIn("NotAction", statement, name)
                        for action in as_list(statement["Action"]):
                            self.assertRegex(action, r"^[a-z0-9]+:[A-Za-z]+$", name)
                        self.assertIsInstance(statement["Resource"], str, name)
                        self.assertNotIn("*", statement["Resource"], name)
                for arn in role["ManagedPolicyArns"]:
                    self.assertIn(arn.split(":policy/")[1], self.MANAGED, name)

    def test_only_the_api_may_call_and_only_by_its_routes(self):
        found = stack()
        allowed = {
            (permission["FunctionName"], permission["SourceArn"].split("/POST")[1].replace("/*", "/{key}"))
            for permission in found.of_type("AWS::Lambda::Permission").values()
        }
        routes = set()
        for _, path, integration in calls_of_apis(found):
            routes.add((re.search("<[A-Za-z]+>", integration["uri"])[0], path))
        self.assertEqual(allowed, routes)


class Calls(unittest.TestCase):
    ROUTES = {
        ("POST", "/assign-agent"): "<AssignAgentFunctionAliaslive>",
        ("POST", "/assign-agent/{key}"): "<AssignAgentFunctionAliaslive>",
        ("POST", "/session-events"): "<SessionEventsFunctionAliaslive>",
        ("POST", "/session-events/{key}"): "<SessionEventsFunctionAliaslive>",
    }

    def test_routes_lead_to_the_aliases(self):
        for found in every_stack():
            routes = {
                (method, path): re.search(r"/functions/(<\w+>)/invocations$", integration["uri"])[1]
                for method, path, integration in calls_of_apis(found)
            }
            self.assertEqual(routes, self.ROUTES)

    def test_the_same_paths_are_served_locally(self):
        cargo = tomlkit.parse((ROOT / "Cargo.toml").read_text())
        router = cargo["workspace"]["metadata"]["lambda"]["watch"]["router"]
        self.assertEqual(set(router), {path for _, path in self.ROUTES})

    def test_the_queue_is_drained_by_the_alias_and_failures_alone_come_again(self):
        (drain,) = stack().of_type("AWS::Lambda::EventSourceMapping").values()
        self.assertEqual(drain["FunctionName"], "<SessionEventsFunctionAliaslive>")
        self.assertEqual(drain["EventSourceArn"], "<SpillQueue.Arn>")
        self.assertEqual(drain["FunctionResponseTypes"], ["ReportBatchItemFailures"])

    def test_each_waits_longer_than_what_it_calls(self):
        sender = 2000
        budget = int(re.search(r"TOTAL: Duration = Duration::from_millis\((\d+)\)", rust(*EDGE))[1])
        found = stack()
        functions = found.of_type("AWS::Lambda::Function")
        self.assertEqual(functions.keys(), METRICS.keys())
        for _, path, integration in calls_of_apis(found):
            self.assertLess(budget, integration["timeoutInMillis"], path)
            self.assertLessEqual(integration["timeoutInMillis"], sender, path)
            self.assertEqual(integration["payloadFormatVersion"], "2.0", path)
            for function in functions.values():
                self.assertGreater(function["Timeout"] * 1000, integration["timeoutInMillis"], path)

    def test_the_queue_hides_a_message_six_times_as_long_as_the_drain_may_take(self):
        found = stack()
        queues = found.of_type("AWS::SQS::Queue")
        timeout = found.of_type("AWS::Lambda::Function")["SessionEventsFunction"]["Timeout"]
        self.assertGreaterEqual(queues["SpillQueue"]["VisibilityTimeout"], 6 * timeout)
        self.assertEqual(queues["SpillQueue"]["RedrivePolicy"]["deadLetterTargetArn"], "<SpillDeadLetterQueue.Arn>")
        for name, queue in queues.items():
            self.assertTrue(queue["SqsManagedSseEnabled"], name)
            self.assertEqual(queue["MessageRetentionPeriod"], 1209600, name)
            self.assertEqual(found.resources[name]["DeletionPolicy"], "Retain", name)

    def test_the_access_log_has_no_path_and_no_query(self):
        (stage,) = stack().of_type("AWS::ApiGatewayV2::Stage").values()
        logged = set(json.loads(stage["AccessLogSettings"]["Format"]).values())
        secret = r"(?i)path|query|authorizer"  # a URL key ends the path; the query has Sign and RequestTime
        self.assertEqual([one for one in logged if re.search(secret, one)], [])
        self.assertGreaterEqual(stage["DefaultRouteSettings"]["ThrottlingRateLimit"], 1000)


class Deployments(unittest.TestCase):
    def groups(self, stage):
        return stack(Stage=stage).of_type("AWS::CodeDeploy::DeploymentGroup")

    def test_in_production_each_function_is_tried_first_and_its_alarms_stop_it(self):
        found = stack(Stage="prod")
        alarms = found.of_type("AWS::CloudWatch::Alarm")
        groups = self.groups("prod")
        self.assertEqual(groups.keys(), {f"{name}DeploymentGroup" for name in METRICS})
        for name, group in groups.items():
            function = name.removesuffix("DeploymentGroup")
            share, minutes = self.canary(group)
            self.assertEqual(share, 10, name)
            self.assertTrue(group["AlarmConfiguration"]["Enabled"], name)
            gates = [alarm["Name"].strip("<>") for alarm in group["AlarmConfiguration"]["Alarms"]]
            self.assertGreaterEqual(len(gates), 3)
            self.assertLessEqual(len(gates), 10, "CodeDeploy's limit")
            for gate in gates:
                about = {value for value in texts(alarms[gate]) if value == f"<{function}>"}
                self.assertTrue(about, f"{gate} does not look at {function}")
                periods = [alarms[gate].get("Period", 0)]
                periods += [one["MetricStat"]["Period"] for one in alarms[gate].get("Metrics", []) if "MetricStat" in one]
                needed = max(periods) * alarms[gate].get("DatapointsToAlarm", 1)
                self.assertLessEqual(needed, minutes * 60 / 2, f"{gate} cannot ring before {name} is done")
            self.assertIn("DEPLOYMENT_STOP_ON_ALARM", group["AutoRollbackConfiguration"]["Events"], name)
            own = {"Failed", "RulesetMissing"} if function == "AssignAgentFunction" else {"Spilled"}
            looked_at = set().union(*(texts(alarms[gate]) for gate in gates))
            self.assertLessEqual({"Duration", "Errors", "Unavailable", "Panicked"} | own, looked_at, name)

    def canary(self, group):
        found = re.fullmatch(r"CodeDeployDefault\.LambdaCanary(\d+)Percent(\d+)Minutes", group["DeploymentConfigName"])
        return [int(one) for one in found.groups()]

    def test_a_share_that_stops_a_deployment_is_within_the_canarys_own(self):
        found = stack(Stage="prod")
        alarms = found.of_type("AWS::CloudWatch::Alarm")
        shares = 0
        for group in self.groups("prod").values():
            for gate in group["AlarmConfiguration"]["Alarms"]:
                alarm = alarms[gate["Name"].strip("<>")]
                if any("100 *" in one.get("Expression", "") for one in alarm.get("Metrics", [])):
                    shares += 1
                    self.assertLess(alarm["Threshold"], self.canary(group)[0] / 2, gate)
        self.assertEqual(shares, 1)

    def test_in_development_a_change_takes_effect_at_once(self):
        for name, group in self.groups("dev").items():
            self.assertEqual(group["DeploymentConfigName"], "CodeDeployDefault.LambdaAllAtOnce", name)
            self.assertFalse(group.get("AlarmConfiguration"), name)

    def test_every_alias_is_moved_by_its_deployment(self):
        found = stack()
        for name, alias in found.of_type("AWS::Lambda::Alias").items():
            self.assertEqual(alias["Name"], "live")
            update = found.resources[name]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
            self.assertEqual(update["DeploymentGroupName"], f"<{name.removesuffix('Aliaslive')}DeploymentGroup>")

    def test_a_parameter_that_a_function_has_makes_a_new_version_of_it(self):
        template = stack().template
        functions = [one for one in template["Resources"].values() if one["Type"] == "AWS::Lambda::Function"]
        names = set(template["Parameters"])

        def parameters(value, seen=()):
            """The parameters that a value depends on, through conditions, too; those of other resources left out."""
            if isinstance(value, list):
                return set().union(*(parameters(one) for one in value), set())
            if not isinstance(value, dict):
                return set()
            found = set()
            for key, operand in value.items():
                if key == "Ref":
                    found |= {operand} & names
                elif key == "Fn::Sub":
                    text = operand[0] if isinstance(operand, list) else operand
                    found |= set(re.findall(r"\$\{(\w+)\}", text)) & names
                elif key == "Fn::If":
                    found |= parameters(template["Conditions"][operand[0]])
                found |= parameters(operand)
            return found

        needed = set().union(*(parameters(function["Properties"]) for function in functions))
        content = template["Resources"]["SettingsVersion"]["Properties"]["Content"]
        self.assertEqual(parameters(content), needed)
        for name, function in template["Resources"].items():
            if function["Type"] in ("AWS::Lambda::Function", "AWS::Lambda::Version"):
                self.assertIn("${SettingsVersion.VersionNumber}", json.dumps(function["Properties"]["Description"]), name)

    def test_versions_stay_for_a_rollback(self):
        found = stack()
        versions = found.of_type("AWS::Lambda::Version")
        self.assertEqual(len(versions), 2)
        for name in versions:
            self.assertEqual(found.resources[name]["DeletionPolicy"], "Retain", name)  # other code
            self.assertEqual(found.resources[name]["UpdateReplacePolicy"], "Retain", name)  # another parameter

    def test_sandboxes_are_kept_ready_only_when_asked_for(self):
        aliases = stack().of_type("AWS::Lambda::Alias").values()
        self.assertFalse([alias for alias in aliases if "ProvisionedConcurrencyConfig" in alias])
        aliases = stack(ProvisionedConcurrency=2).of_type("AWS::Lambda::Alias")
        ready = {name: alias.get("ProvisionedConcurrencyConfig") for name, alias in aliases.items()}
        expected = {"AssignAgentFunctionAliaslive": {"ProvisionedConcurrentExecutions": "2"}}
        self.assertEqual(ready, {"SessionEventsFunctionAliaslive": None} | expected)

    def test_the_processor_is_a_parameter(self):
        for processor in ("arm64", "x86_64"):
            for function in stack(Architecture=processor).of_type("AWS::Lambda::Function").values():
                self.assertEqual(function["Architectures"], [processor])


class Environment(unittest.TestCase):
    VARIABLE = r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"'

    def read_by_the_code(self, function):
        """The variables that a function reads: those in the functions of config.rs that it calls, and in what runs
        around every handler. Lambda's own and the SDK's begin with AWS_."""
        bodies = {}
        for one in re.split(r"\n(?=(?:pub )?fn )", rust("shared/src/config.rs")):
            if named := re.match(r"(?:pub )?fn (\w+)", one):
                bodies[named[1]] = one
        start = rust(*EDGE, "shared/src/store/client.rs", f"functions/{function}/src/main.rs")
        variables = set(re.findall(self.VARIABLE, start))
        waiting = set(re.findall(r"config::(\w+)\(", start)) & bodies.keys()
        done = set()
        while waiting:
            name = waiting.pop()
            done.add(name)
            variables |= set(re.findall(self.VARIABLE, bodies[name]))
            waiting |= {other for other in re.findall(r"\b(\w+)\(", bodies[name]) if other in bodies} - done
        self.assertGreater(len(variables), 5, "the code is not read as it is written any more")
        return {name for name in variables if not name.startswith("AWS_")}

    def test_every_variable_that_the_code_reads_is_set_and_no_other(self):
        functions = {"AssignAgentFunction": "assign-agent", "SessionEventsFunction": "session-events"}
        for found in every_stack():
            for name, package in functions.items():
                variables = found.of_type("AWS::Lambda::Function")[name]["Environment"]["Variables"]
                self.assertEqual(set(variables), self.read_by_the_code(package), name)
                for variable, value in variables.items():
                    self.assertNotEqual(value, "none", variable)

    def test_the_documentation_names_them(self):
        table = (ROOT / "docs/deploying.md").read_text()
        for package in ("assign-agent", "session-events"):
            for variable in self.read_by_the_code(package):
                self.assertIn(f"`{variable}`", table)


class Monitoring(unittest.TestCase):
    def check_metric(self, where, namespace, name, dimensions):
        if namespace != "DeskWebhooks":
            self.assertTrue(namespace.startswith("AWS/"), where)
            return
        function = dimensions["Function"].strip("<>")
        self.assertIn(name, METRICS[function], f"{where}: {function} counts no {name}")
        self.assertIn(set(dimensions), DIMENSIONS.get(name, [{"Function"}]), where)

    def metrics_of(self, alarm):
        if "MetricName" in alarm:
            yield alarm
        for one in alarm.get("Metrics", []):
            if "MetricStat" in one:
                yield one["MetricStat"]["Metric"]

    def test_the_code_has_every_metric(self):
        code = set(re.findall(r'"([A-Z][A-Za-z]+)"', rust("shared/src/metrics.rs")))
        for function, names in METRICS.items():
            self.assertEqual(names - code, set(), f"shared/src/metrics.rs has no such names ({function})")

    def test_every_alarm_looks_at_what_is_counted(self):
        for name, alarm in stack().of_type("AWS::CloudWatch::Alarm").items():
            metrics = list(self.metrics_of(alarm))
            self.assertTrue(metrics, name)
            for metric in metrics:
                dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
                self.check_metric(name, metric["Namespace"], metric["MetricName"], dimensions)
            if "Metrics" in alarm:
                ids = {one["Id"] for one in alarm["Metrics"] if "MetricStat" in one}
                (expression,) = (one["Expression"] for one in alarm["Metrics"] if "Expression" in one)
                self.assertEqual(ids, set(re.findall(r"\b[a-z_]+\b", expression)), name)
                self.assertEqual([one["Id"] for one in alarm["Metrics"] if one.get("ReturnData", True)], ["alarm"], name)

    def test_an_alarm_that_fills_gaps_looks_at_more_periods_than_need_be_bad(self):
        """Its newest period is what FILL makes of a metric that comes late."""
        filling = 0
        for name, alarm in stack().of_type("AWS::CloudWatch::Alarm").items():
            if any("FILL(" in one.get("Expression", "") for one in alarm.get("Metrics", [])):
                filling += 1
                self.assertLess(alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"], name)
                periods = {one["MetricStat"]["Period"] for one in alarm["Metrics"] if "MetricStat" in one}
                self.assertEqual(len(periods), 1, name)
        self.assertGreater(filling, 5)

    def test_every_alarm_tells_somebody_and_has_a_runbook(self):
        operating = (ROOT / "docs/operating.md").read_text()
        headings = re.findall(r"^#+ (.+)$", operating, re.M)
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        topic = "arn:aws:sns:us-east-1:123456789012:alarms"
        silent_by_intent = {"FailedInCanaryAlarm"}  # it is there for deployments, which look at it
        silent = stack().of_type("AWS::CloudWatch::Alarm")
        for name, alarm in stack(AlarmTopicArn=topic).of_type("AWS::CloudWatch::Alarm").items():
            told = [] if name in silent_by_intent else [topic]
            self.assertEqual(alarm.get("AlarmActions", []), told, name)
            self.assertEqual(alarm.get("OKActions", []), told, name)
            self.assertEqual(silent[name].get("AlarmActions", []), [], name)
            self.assertEqual(alarm["TreatMissingData"], "notBreaching", name)
            anchor = re.search(r"docs/operating\.md#([\w-]+)$", alarm["AlarmDescription"])
            self.assertTrue(anchor, f"{name} points at no runbook")
            self.assertIn(anchor[1], anchors, name)
            self.assertIn(f"`{name}`", operating, f"the runbook does not name {name}")

    def test_the_commands_name_what_the_stack_has(self):
        found = stack()
        for page in ("operating.md", "deploying.md"):
            named = set(re.findall(r"\bid ([A-Z]\w+)", (ROOT / "docs" / page).read_text()))
            self.assertTrue(named, page)
            self.assertLessEqual(named, found.resources.keys(), page)

    def test_every_promise_has_its_alarm(self):
        """What an operator has to hear of."""
        watched = set()
        for alarm in stack().of_type("AWS::CloudWatch::Alarm").values():
            for metric in self.metrics_of(alarm):
                about = [one["Value"].strip("<>") for one in metric["Dimensions"]][0]
                watched.add((metric["MetricName"], about))
        for function in METRICS:
            for name in ("Duration", "Refused", "Unavailable", "Panicked", "Errors", "Throttles"):
                self.assertIn((name, function), watched)
        for name in ("Failed", "NotRecorded", "RulesetStale", "RulesetRejected", "RulesetMissing"):
            self.assertIn((name, "AssignAgentFunction"), watched)
        for name in ("Spilled", "Quarantined"):
            self.assertIn((name, "SessionEventsFunction"), watched)
        for name in ("4xx", "5xx"):
            self.assertIn((name, "HttpApi"), watched)
        for table in ("RulesTable", "SessionsTable"):
            for name in ("ReadThrottleEvents", "WriteThrottleEvents"):
                self.assertIn((name, table), watched)
        self.assertIn(("ApproximateNumberOfMessagesVisible", "SpillDeadLetterQueue.QueueName"), watched)

    def test_slow_answers_are_noticed_before_the_budget_is_spent(self):
        budget = int(re.search(r"TOTAL: Duration = Duration::from_millis\((\d+)\)", rust(*EDGE))[1])
        slow = [one for one in stack().of_type("AWS::CloudWatch::Alarm").values() if one.get("ExtendedStatistic")]
        self.assertEqual(len(slow), 2)
        for alarm in slow:
            self.assertEqual(alarm["ExtendedStatistic"], "p99")
            self.assertLess(alarm["Threshold"], budget)

    def test_every_index_is_watched(self):
        found = stack()
        indexes = {
            index["IndexName"]
            for table in found.of_type("AWS::DynamoDB::Table").values()
            for index in table.get("GlobalSecondaryIndexes", [])
        }
        self.assertLessEqual(indexes, set(texts(found.of_type("AWS::CloudWatch::Alarm")["ThrottledTablesAlarm"])))

    def test_the_dashboard_shows_what_is_counted(self):
        for found in every_stack():
            (dashboard,) = found.of_type("AWS::CloudWatch::Dashboard").values()
            shown = set()
            taken = set()
            for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
                properties = widget["properties"]
                where = properties["title"]
                cells = {
                    (x, y)
                    for x in range(widget["x"], widget["x"] + widget["width"])
                    for y in range(widget["y"], widget["y"] + widget["height"])
                }
                self.assertLessEqual(widget["x"] + widget["width"], 24, where)
                self.assertFalse(cells & taken, f"{where} lies over another")
                taken |= cells
                if widget["type"] == "alarm":
                    alarms = {arn.removesuffix(".Arn>").strip("<") for arn in properties["alarms"]}
                    self.assertEqual(alarms, set(found.of_type("AWS::CloudWatch::Alarm")))
                    continue
                self.assertEqual(properties["region"], found.pseudo["AWS::Region"], where)
                for metric in properties["metrics"]:
                    if isinstance(metric[0], dict):
                        schema, function, name = re.search(
                            r"^SEARCH\('\{DeskWebhooks,([\w,]+)\} Function=(\S+|\([^)]+\)) MetricName=\"(\w+)\"', 'Sum', \d+\)$",
                            metric[0]["expression"],
                        ).groups()
                        for one in re.findall(r"<(\w+)>", function):
                            self.check_metric(where, "DeskWebhooks", name, dict.fromkeys(schema.split(","), one))
                        shown.add(name)
                        continue
                    namespace, name, *rest = [one for one in metric if isinstance(one, str)]
                    dimensions = dict(zip(rest[::2], rest[1::2]))
                    self.check_metric(where, namespace, name, dimensions)
                    shown.add(name)
            self.assertLessEqual(set().union(*METRICS.values()), shown, "counted, and shown nowhere")


class Questions(unittest.TestCase):
    """The queries of docs/operating.md: that they use the language's words and the log line's fields."""

    WORDS = set("and or not in like as by asc desc".split())
    FUNCTIONS = set("ispresent count pct latest earliest max bin".split())
    OF_THE_GATEWAY = {"status", "routeKey", "sourceIp", "error", "integrationStatus", "integrationError"}

    def test_they_ask_for_what_is_logged(self):
        operating = (ROOT / "docs/operating.md").read_text()
        log, questions = operating.split("## The log")[1].split("## Questions to the log")
        rows = [row.split("|") for row in re.findall(r"^\|.*\|$", log, re.M)]
        fields = {field for row in rows for field in re.findall(r"`(\w+)`", row[1])}
        outcomes = {one for row in rows if "`outcome`" in row[1] for one in re.findall(r"`(\w+)`", row[2])}
        stages = {one for row in rows if "`stages`" in row[1] for one in re.findall(r"`(\w+)`", row[2])}
        report = rust("shared/src/edge/report.rs")
        metrics = set().union(*METRICS.values())
        written = set(re.findall(r'(?:put\(&mut line, |line\.serialize_entry\()"(\w+)"', report))
        self.assertEqual(fields - metrics, written - {"_aws"})
        self.assertEqual(outcomes, set(re.findall(r'=> "([a-z]+)"', report)))
        functions = [path for path in (ROOT / "functions").glob("*/src/*.rs")]
        self.assertEqual(stages, set(re.findall(r'\.stage\("(\w+)"', rust("shared/src/secrets.rs", "shared/src/edge.rs", *functions))))
        fields |= metrics | {f"stages.{one}" for one in stages} | {"problems.0"}
        (access,) = stack().of_type("AWS::ApiGatewayV2::Stage").values()
        self.assertLess(self.OF_THE_GATEWAY, set(json.loads(access["AccessLogSettings"]["Format"])))
        queries = re.findall(r"^```text\n(.+?)```", questions, re.M | re.S)
        self.assertGreater(len(queries), 7)
        for query in queries:
            known = self.OF_THE_GATEWAY if "integrationStatus" in query else fields
            if known is self.OF_THE_GATEWAY:
                self.assertNotIn("ispresent", query, "what is not set is a hyphen, and present")
            known = known | {"@timestamp", "@message"}
            for text in re.findall(r'outcome (?:= |in )([^|)]+)', query):
                self.assertLessEqual(set(re.findall(r'"(\w+)"', text)), outcomes, query)
            bare = re.sub(r'"[^"]*"|/[^/\n]+/', "", query)
            for command in re.split(r"\n\| |^", bare)[1:]:
                verb, rest = command.split(maxsplit=1)
                self.assertIn(verb, {"fields", "filter", "stats", "sort", "limit"}, query)
                named = set(re.findall(r"\bas (\w+)", rest))
                for called in re.findall(r"(\w+)\(", rest):
                    self.assertIn(called, self.FUNCTIONS | self.WORDS, query)
                words = set(re.findall(r"[@A-Za-z][\w.@]*", re.sub(r"bin\(\d+[mh]\)", "", rest)))
                self.assertLessEqual(words - self.WORDS - self.FUNCTIONS - named, known, query)
                known = known | named


class Cost(unittest.TestCase):
    def test_what_is_billed_by_the_month_is_counted(self):
        cost = (ROOT / "docs/cost.md").read_text()
        alarms = stack().of_type("AWS::CloudWatch::Alarm").values()
        watched = sum(len([one for one in alarm.get("Metrics", []) if "MetricStat" in one]) or 1 for alarm in alarms)
        self.assertIn(f"| alarms | {len(alarms)}, which look at {watched} metrics |", cost)
        self.assertIn(f"| custom metrics | {sum(map(len, METRICS.values()))} of the functions", cost)


class Data(unittest.TestCase):
    def test_tables_survive(self):
        for stage in ("dev", "prod"):
            found = stack(Stage=stage)
            tables = found.of_type("AWS::DynamoDB::Table")
            self.assertEqual(set(tables), {"RulesTable", "SessionsTable"})
            for name, table in tables.items():
                self.assertEqual(found.resources[name]["DeletionPolicy"], "Retain", name)
                self.assertEqual(found.resources[name]["UpdateReplacePolicy"], "Retain", name)
                self.assertEqual(table["DeletionProtectionEnabled"], stage == "prod", name)
                self.assertTrue(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name)
                self.assertTrue(table["SSESpecification"]["SSEEnabled"], name)
                self.assertEqual(table["BillingMode"], "PAY_PER_REQUEST", name)

    def test_every_log_ends(self):
        found = stack()
        groups = found.of_type("AWS::Logs::LogGroup")
        for name, group in groups.items():
            self.assertEqual(group["RetentionInDays"], found.parameters["LogRetentionDays"], name)
        for name, function in found.of_type("AWS::Lambda::Function").items():
            self.assertEqual(function["LoggingConfig"]["LogFormat"], "JSON", name)
            self.assertIn(function["LoggingConfig"]["LogGroup"].strip("<>"), groups, name)


class Anywhere(unittest.TestCase):
    # What would take a name that no second stack could have; nothing for what has none, or may share it.
    NAMES = {
        "AWS::ApiGatewayV2::Api": [],
        "AWS::ApiGatewayV2::ApiMapping": [],
        "AWS::ApiGatewayV2::DomainName": [],  # a parameter
        "AWS::ApiGatewayV2::Stage": [],
        "AWS::AppConfig::Application": [],
        "AWS::AppConfig::ConfigurationProfile": [],
        "AWS::AppConfig::HostedConfigurationVersion": [],
        "AWS::CloudWatch::Alarm": ["AlarmName"],
        "AWS::CloudWatch::Dashboard": ["DashboardName"],
        "AWS::CodeDeploy::Application": ["ApplicationName"],
        "AWS::CodeDeploy::DeploymentGroup": ["DeploymentGroupName"],
        "AWS::DynamoDB::Table": ["TableName"],
        "AWS::IAM::Role": ["RoleName"],
        "AWS::Lambda::Alias": [],
        "AWS::Lambda::EventSourceMapping": [],
        "AWS::Lambda::Function": ["FunctionName"],
        "AWS::Lambda::Permission": [],
        "AWS::Lambda::Version": [],
        "AWS::Logs::LogGroup": ["LogGroupName"],
        "AWS::Route53::RecordSet": [],  # a parameter
        "AWS::SQS::Queue": ["QueueName"],
    }

    def test_two_stacks_live_side_by_side(self):
        for found in every_stack():
            for name, resource in found.resources.items():
                self.assertIn(resource["Type"], self.NAMES, "a new type: which of its properties is a name?")
                for taken in self.NAMES[resource["Type"]]:
                    self.assertNotIn(taken, resource["Properties"], name)

    def test_the_longest_name_of_a_stack_will_do(self):
        for found in every_stack():
            (application,) = found.of_type("AWS::AppConfig::Application").values()
            self.assertEqual(application["Name"], STACK_UUID)
            self.assertLessEqual(len(application["Name"]), 64)

    def test_every_arn_has_its_partition(self):
        self.assertNotRegex(TEMPLATE, r"arn:aws[a-z-]*:")
        for found in every_stack():
            own = f"arn:{found.pseudo['AWS::Partition']}:"
            for text in texts(found.resources):
                for arn in re.findall(r"arn:[^:\s]*:", text):
                    self.assertEqual(arn, own, text)

    def test_china_gets_what_it_has(self):
        for region, mode, console in (
            ("us-east-1", "Active", "https://us-east-1.console.aws.amazon.com/"),
            ("cn-north-1", "PassThrough", "https://cn-north-1.console.amazonaws.cn/"),
        ):
            found = stack(region)
            for function in found.of_type("AWS::Lambda::Function").values():
                self.assertEqual(function["TracingConfig"]["Mode"], mode)
            self.assertTrue(found.outputs["DashboardUrl"].startswith(console), found.outputs["DashboardUrl"])


class Domain(unittest.TestCase):
    KINDS = ("AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping", "AWS::Route53::RecordSet")

    def closed(self, found):
        (api,) = found.of_type("AWS::ApiGatewayV2::Api").values()
        (server,) = api["Body"]["servers"]
        return server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"]

    def test_off(self):
        found = stack()
        self.assertEqual([found.of_type(kind) for kind in self.KINDS], [{}, {}, {}])
        self.assertIs(self.closed(found), False)
        self.assertNotIn("DomainTarget", found.outputs)
        self.assertEqual(found.outputs["AssignAgentUrl"], "<HttpApi.ApiEndpoint>/assign-agent")
        self.assertEqual(found.outputs["SessionEventsUrl"], "<HttpApi.ApiEndpoint>/session-events")

    def test_on(self):
        found = stack(**DOMAIN)
        (domain,) = found.of_type("AWS::ApiGatewayV2::DomainName").values()
        (configuration,) = domain["DomainNameConfigurations"]
        self.assertEqual(domain["DomainName"], "desk.example.com")
        self.assertEqual(configuration["SecurityPolicy"], "TLS_1_2")
        self.assertEqual(configuration["CertificateArn"], DOMAIN["CertificateArn"])
        (mapping,) = found.of_type("AWS::ApiGatewayV2::ApiMapping").values()
        self.assertEqual((mapping["ApiId"], mapping["Stage"]), ("<HttpApi>", "<HttpApiApiGatewayDefaultStage>"))
        self.assertEqual(found.of_type("AWS::Route53::RecordSet"), {})
        self.assertIs(self.closed(found), True, "whoever knows the execute-api address would come in beside the domain")
        self.assertEqual(found.outputs["AssignAgentUrl"], "https://desk.example.com/assign-agent")
        self.assertEqual(found.outputs["SessionEventsUrl"], "https://desk.example.com/session-events")
        self.assertEqual(found.outputs["DomainTarget"], "<CustomDomain.RegionalDomainName>")

    def test_both_addresses_while_one_moves_to_the_domain(self):
        self.assertIs(self.closed(stack(**DOMAIN, KeepExecuteApi="yes")), False)

    def test_with_its_record(self):
        (record,) = stack(**DOMAIN, HostedZoneId="Z1").of_type("AWS::Route53::RecordSet").values()
        self.assertEqual((record["Name"], record["HostedZoneId"], record["Type"]), ("desk.example.com", "Z1", "A"))
        self.assertEqual(record["AliasTarget"]["DNSName"], "<CustomDomain.RegionalDomainName>")


class Parameters(unittest.TestCase):
    def setUp(self):
        self.template = yaml_parse(TEMPLATE)

    def test_each_is_described_labelled_and_in_a_group(self):
        interface = self.template["Metadata"]["AWS::CloudFormation::Interface"]
        grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
        parameters = self.template["Parameters"]
        self.assertEqual(sorted(grouped), sorted(parameters))
        self.assertEqual(sorted(interface["ParameterLabels"]), sorted(parameters))
        for name, parameter in parameters.items():
            self.assertTrue(parameter["Description"].endswith("."), name)
            bounds = {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys()
            self.assertTrue(bounds, f"{name} takes anything")
            self.assertEqual("AllowedPattern" in parameter, "ConstraintDescription" in parameter, name)
            if "AllowedPattern" in parameter and "Default" in parameter:
                self.assertRegex(parameter["Default"], parameter["AllowedPattern"], name)

    def test_what_samconfig_sets_is_there_and_allowed(self):
        config = tomlkit.parse((ROOT / "samconfig.toml").read_text())
        for name, stage in (("default", "dev"), ("prod", "prod")):
            given = dict(one.split("=", 1) for one in config[name]["deploy"]["parameters"]["parameter_overrides"])
            self.assertEqual(given["Stage"], stage)
            for parameter, value in given.items():
                about = self.template["Parameters"][parameter]
                if "AllowedValues" in about:
                    self.assertIn(value, [str(one) for one in about["AllowedValues"]], parameter)
                if "AllowedPattern" in about:
                    self.assertRegex(value, about["AllowedPattern"], parameter)

    def refused(self, **given):
        found = Stack("us-east-1", {"SdkAppIds": "1", **given})
        broken = []
        for rule in self.template["Rules"].values():
            if "RuleCondition" not in rule or found.truth(rule["RuleCondition"]):
                broken += [one for one in rule["Assertions"] if not found.truth(one["Assert"])]
        return bool(broken)

    def test_rules_refuse_what_could_not_work_or_would_be_open(self):
        keys = {"UrlKeys": "0123456789abcdef"}
        for given in (
            {},
            {"UrlKeys": "none"},
            {"SignaturePolicy": "off"},
            {"CallbackTokens": "token"},
            {"SignaturePolicy": "required"},
            {"SignaturePolicy": "required", "CallbackTokens": "none", **keys},
            {"CallbackTokens": "token", "CallbackTokensParameter": "/desk/tokens", **keys},
            {"UrlKeysParameter": "/desk/keys", **keys},
            {"DomainName": "desk.example.com", **keys},
            {"HostedZoneId": "Z1", **keys},
        ):
            self.assertTrue(self.refused(**given), given)
        for given in (
            keys,
            {"UrlKeysParameter": "/desk/keys", "UrlKeys": "none"},
            {"SignaturePolicy": "required", "CallbackTokens": "token"},
            {"SignaturePolicy": "required", "CallbackTokensParameter": "/desk/tokens", "UrlKeys": "none"},
            {**DOMAIN, **keys, "HostedZoneId": "Z1"},
        ):
            self.assertFalse(self.refused(**given), given)

    def test_the_documentation_never_deploys_what_was_not_built(self):
        pages = [ROOT / "samconfig.toml", ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").glob("*.md")]
        commands = 0
        for page in pages:
            text = page.read_text()
            self.assertNotRegex(text, r"(UrlKeys|CallbackTokens)=(?!none\b)[A-Za-z]", f"{page.name}: in the shell's history")
            for command in re.finditer(r"(?<!`)\bsam deploy\b(?!`)", text):
                commands += 1
                before = text[: command.start()].rsplit("\n", 2)
                self.assertRegex("\n".join(before[1:]), r"sam build", f"{page.name}: {text[command.start():][:60]}")
        self.assertGreater(commands, 5)

    def test_secrets_are_not_shown(self):
        for name in ("CallbackTokens", "UrlKeys"):
            self.assertIs(self.template["Parameters"][name]["NoEcho"], True)
            self.assertNotIn(f"{{{name}}}", json.dumps(self.template["Outputs"]))

    def test_outputs(self):
        outputs = {"AssignAgentUrl", "SessionEventsUrl", "RulesTableName", "SessionsTableName", "SpillQueueUrl"}
        outputs |= {"SpillDeadLetterQueueUrl", "DashboardUrl"}
        self.assertEqual(set(stack().outputs), outputs)


if __name__ == "__main__":
    unittest.main()
