// What users of HAPI's generic client do: the calls of its own documentation, against a gateway. Its parser is told to be
// strict: an element that R4 does not have makes it fail.

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.StrictErrorHandler;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.api.PreferReturnEnum;
import ca.uhn.fhir.rest.api.SearchStyleEnum;
import ca.uhn.fhir.rest.api.SearchTotalModeEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.interceptor.BearerTokenAuthInterceptor;
import ca.uhn.fhir.rest.param.DateRangeParam;
import ca.uhn.fhir.rest.server.exceptions.AuthenticationException;
import ca.uhn.fhir.rest.server.exceptions.BaseServerResponseException;
import ca.uhn.fhir.rest.server.exceptions.InvalidRequestException;
import ca.uhn.fhir.rest.server.exceptions.MethodNotAllowedException;
import ca.uhn.fhir.rest.server.exceptions.PreconditionFailedException;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import ca.uhn.fhir.rest.server.exceptions.UnprocessableEntityException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.Consent;
import org.hl7.fhir.r4.model.IdType;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.OperationOutcome;
import org.hl7.fhir.r4.model.Organization;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.Procedure;
import org.hl7.fhir.r4.model.Reference;
import org.hl7.fhir.r4.model.Resource;
import org.hl7.fhir.r4.model.ServiceRequest;
import org.hl7.fhir.r4.model.Task;

public final class HapiReferral {
    private static final String MRN = "https://fernhollow-hospital.example/mrn";
    private static final String OWNER = "Organization/lantern-housing";

    private final FhirContext context = FhirContext.forR4();
    private final JsonNode referral;
    private final String base = System.getenv("HANDOFF_BASE") + "/fhir";
    private final IGenericClient ehr;
    private final IGenericClient agency;

    private HapiReferral(File bodies) throws IOException {
        context.setParserErrorHandler(new StrictErrorHandler());
        referral = new ObjectMapper().readTree(bodies);
        ehr = client(System.getenv("HANDOFF_EHR_TOKEN"));
        agency = client(System.getenv("HANDOFF_AGENCY_TOKEN"));
    }

    public static void main(String[] arguments) throws IOException {
        HapiReferral user = new HapiReferral(new File(arguments[0]));
        user.capabilities();
        IdType task = user.sendOneByOne();
        user.createOnCondition();
        user.sendTransaction();
        user.search(task);
        user.page();
        user.readAndUpdate();
        user.follow(task);
        user.hearOutcomes();
    }

    private IGenericClient client(String token) {
        IGenericClient client = context.newRestfulGenericClient(base);
        client.registerInterceptor(new BearerTokenAuthInterceptor(token));
        return client;
    }

    private <R extends Resource> R body(Class<R> kind, String name) {
        return context.newJsonParser().parseResource(kind, referral.get(name).toString());
    }

    private Patient patient(String number) {
        Patient patient = body(Patient.class, "patient");
        patient.getIdentifierFirstRep().setValue(number);
        return patient;
    }

    private Consent consent(Reference of) {
        return body(Consent.class, "consent").setPatient(of);
    }

    private ServiceRequest serviceRequest(Reference of, Reference consent) {
        return body(ServiceRequest.class, "serviceRequest").setSubject(of).addSupportingInfo(consent);
    }

    private Task task(Reference of, Reference focus) {
        return body(Task.class, "task").setFor(of).setFocus(focus);
    }

    private static void check(boolean holds, Object told) {
        if (!holds) {
            throw new AssertionError(told);
        }
    }

    /** The refusal of this kind that the call meets, with the OperationOutcome that came with it. */
    private static <E extends BaseServerResponseException> OperationOutcome refused(Class<E> kind, Runnable call) {
        try {
            call.run();
        } catch (BaseServerResponseException refusal) {
            check(kind.isInstance(refusal), refusal);
            check(refusal.getOperationOutcome() != null, refusal);
            return (OperationOutcome) refusal.getOperationOutcome();
        }
        throw new AssertionError("not refused with " + kind.getSimpleName());
    }

    private IdType create(Resource resource) {
        MethodOutcome outcome = ehr.create().resource(resource).execute();
        check(outcome.getCreated() && outcome.getId().hasVersionIdPart(), outcome.getId());
        return ((IdType) outcome.getId()).toUnqualified();
    }

    private static Reference to(IdType id) {
        return new Reference(id.toVersionless());
    }

    private void capabilities() {
        CapabilityStatement statement = ehr.capabilities().ofType(CapabilityStatement.class).execute();
        check("4.0.1".equals(statement.getFhirVersion().toCode()), statement.getFhirVersion());
        IGenericClient stranger = context.newRestfulGenericClient(base);
        refused(AuthenticationException.class, () -> stranger.search().forResource(Task.class).execute());
        for (EncodingEnum encoding : List.of(EncodingEnum.JSON)) {
            IGenericClient plain = client(System.getenv("HANDOFF_EHR_TOKEN"));
            plain.setEncoding(encoding);
            plain.setPrettyPrint(true);
            Bundle found = plain.search().forResource(Organization.class).returnBundle(Bundle.class).execute();
            check(!found.getEntry().isEmpty(), "the directory is empty");
        }
    }

    private IdType sendOneByOne() {
        IdType patient = create(patient("HA-1"));
        IdType consent = create(consent(to(patient)));
        IdType request = create(serviceRequest(to(patient), to(consent)));
        Task task = task(to(patient), to(request));
        MethodOutcome outcome = ehr.create().resource(task).prefer(PreferReturnEnum.REPRESENTATION).execute();
        check(((Task) outcome.getResource()).getFocus().getReference().equals(request.toVersionless().getValue()), outcome);
        return ((IdType) outcome.getId()).toUnqualifiedVersionless();
    }

    private void createOnCondition() {
        Patient patient = patient("HA-2");
        String url = "Patient?identifier=" + MRN + "|HA-2";
        MethodOutcome first = ehr.create().resource(patient).conditionalByUrl(url).execute();
        MethodOutcome second = ehr.create().resource(patient).conditional()
            .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(MRN, "HA-2")).execute();
        check(first.getId().getIdPart().equals(second.getId().getIdPart()), second.getId());
        check(!Boolean.TRUE.equals(second.getCreated()), "made a second time");
        for (PreferReturnEnum wish : PreferReturnEnum.values()) {
            check(ehr.create().resource(patient("HA-3")).prefer(wish).execute().getId().hasIdPart(), wish);
        }
    }

    private void sendTransaction() {
        List<String> names = List.of("urn:uuid:00000000-0000-4000-8000-000000000020",
            "urn:uuid:00000000-0000-4000-8000-000000000021", "urn:uuid:00000000-0000-4000-8000-000000000022",
            "urn:uuid:00000000-0000-4000-8000-000000000023");
        Reference patient = new Reference(names.get(0));
        Identifier identifier = new Identifier().setSystem(MRN + "/orders").setValue("HA-4");
        List<Resource> resources = List.of(patient("HA-4"), consent(patient).addIdentifier(identifier),
            serviceRequest(patient, new Reference(names.get(1))).addIdentifier(identifier),
            task(patient, new Reference(names.get(2))).addIdentifier(identifier));
        Bundle bundle = new Bundle().setType(Bundle.BundleType.TRANSACTION);
        for (int at = 0; at < resources.size(); at++) {
            String kind = resources.get(at).fhirType();
            String system = at == 0 ? MRN : MRN + "/orders";
            bundle.addEntry().setFullUrl(names.get(at)).setResource(resources.get(at)).getRequest()
                .setMethod(Bundle.HTTPVerb.POST).setUrl(kind).setIfNoneExist("identifier=" + system + "|HA-4");
        }
        List<String> first = places(ehr.transaction().withBundle(bundle).execute());
        check(first.size() == 4 && first.equals(places(ehr.transaction().withBundle(bundle).execute())), first);
        Bundle batch = new Bundle().setType(Bundle.BundleType.BATCH);
        for (String url : List.of("Patient?family=Pondweed&_count=1", "Task/nobody")) {
            batch.addEntry().getRequest().setMethod(Bundle.HTTPVerb.GET).setUrl(url);
        }
        List<String> statuses = ehr.transaction().withBundle(batch).execute().getEntry().stream()
            .map(entry -> entry.getResponse().getStatus().substring(0, 3)).collect(Collectors.toList());
        check(statuses.equals(List.of("200", "404")), statuses);
    }

    private static List<String> places(Bundle answer) {
        return answer.getEntry().stream().map(entry -> entry.getResponse().getLocation()).collect(Collectors.toList());
    }

    private void search(IdType task) {
        Task read = ehr.read().resource(Task.class).withId(task).execute();
        for (SearchStyleEnum style : SearchStyleEnum.values()) {
            if (style == SearchStyleEnum.GET_WITH_SEARCH) {
                // GET [type]/_search was never in the standard.
                continue;
            }
            Bundle found = ehr.search().forResource(Task.class)
                .where(Task.PATIENT.hasId(read.getFor().getReference()))
                .and(Task.STATUS.exactly().codes("requested", "received"))
                .and(Task.OWNER.hasId(OWNER))
                .include(Task.INCLUDE_FOCUS).include(Task.INCLUDE_PATIENT)
                .sort().descending("_lastUpdated").totalMode(SearchTotalModeEnum.ACCURATE)
                .usingStyle(style).returnBundle(Bundle.class).execute();
            check(found.getTotal() == 1 && found.getEntry().size() == 3, found.getEntry().size());
        }
        Bundle back = ehr.search().forResource(ServiceRequest.class)
            .where(Resource.RES_ID.exactly().code(new IdType(read.getFocus().getReference()).getIdPart()))
            .revInclude(Task.INCLUDE_FOCUS).returnBundle(Bundle.class).execute();
        check(back.getEntry().size() == 2, back.getEntry().size());
        Bundle part = ehr.search().forResource(Task.class).where(Resource.RES_ID.exactly().code(task.getIdPart()))
            .elementsSubset("status").returnBundle(Bundle.class).execute();
        check(!((Task) part.getEntryFirstRep().getResource()).hasAuthoredOn(), "more than was asked for");
        Bundle none = ehr.search().forResource(Patient.class).where(Patient.FAMILY.matches().value("Nobody"))
            .returnBundle(Bundle.class).execute();
        check(none.getEntry().isEmpty(), none.getEntry().size());
    }

    private void page() {
        for (int number = 0; number < 5; number++) {
            create(patient("HA-PAGE-" + number));
        }
        Set<String> found = new HashSet<>();
        Bundle page = ehr.search().forResource(Patient.class)
            .where(Patient.IDENTIFIER.exactly().systemAndValues(MRN, "HA-PAGE-0", "HA-PAGE-1", "HA-PAGE-2", "HA-PAGE-3", "HA-PAGE-4"))
            .count(2).returnBundle(Bundle.class).execute();
        int pages = 1;
        page.getEntry().forEach(entry -> found.add(entry.getResource().getIdElement().getIdPart()));
        while (page.getLink(Bundle.LINK_NEXT) != null) {
            page = ehr.loadPage().next(page).execute();
            page.getEntry().forEach(entry -> found.add(entry.getResource().getIdElement().getIdPart()));
            pages++;
        }
        check(pages == 3 && found.size() == 5, pages + " pages, " + found);
    }

    private void readAndUpdate() {
        IdType id = create(patient("HA-5"));
        Patient read = ehr.read().resource(Patient.class).withId(id.toVersionless()).execute();
        read.getTelecomFirstRep().setValue("555-0177");
        Patient changed = (Patient) ehr.update().resource(read).prefer(PreferReturnEnum.REPRESENTATION).execute().getResource();
        check("2".equals(changed.getIdElement().getVersionIdPart()), changed.getId());
        Patient old = ehr.read().resource(Patient.class).withIdAndVersion(id.getIdPart(), "1").execute();
        check("555-0144".equals(old.getTelecomFirstRep().getValue()), old.getTelecomFirstRep().getValue());
        Patient known = ehr.read().resource(Patient.class).withId(id.getIdPart()).ifVersionMatches("2").returnNull().execute();
        check(known == null, "version 2 was known");
        refused(PreconditionFailedException.class, () -> ehr.update().resource(old).execute());
        Bundle history = ehr.history().onInstance(id.toVersionless()).returnBundle(Bundle.class).execute();
        check(history.getEntry().size() == 2, history.getEntry().size());
        MethodOutcome judged = ehr.validate().resource(changed).execute();
        check(judged.getOperationOutcome() != null, judged);
        refused(ResourceNotFoundException.class, () -> ehr.read().resource(Patient.class).withId("nobody").execute());
        refused(MethodNotAllowedException.class, () -> ehr.delete().resourceById(id.toVersionless()).execute());
    }

    private void follow(IdType id) {
        Task behind = ehr.read().resource(Task.class).withId(id).execute();
        Task theirs = (Task) agency.search().forResource(Task.class).where(Task.OWNER.hasId(OWNER))
            .and(Resource.RES_ID.exactly().code(id.getIdPart())).returnBundle(Bundle.class).execute()
            .getEntryFirstRep().getResource();
        for (Task.TaskStatus status : List.of(Task.TaskStatus.ACCEPTED, Task.TaskStatus.INPROGRESS)) {
            theirs.setStatus(status);
            theirs = (Task) agency.update().resource(theirs).prefer(PreferReturnEnum.REPRESENTATION).execute().getResource();
            check(theirs.getStatus() == status, theirs.getStatus());
        }
        behind.setStatus(Task.TaskStatus.CANCELLED);
        refused(PreconditionFailedException.class, () -> ehr.update().resource(behind).execute());
        Bundle news = ehr.search().forResource(Task.class).where(Resource.RES_ID.exactly().code(id.getIdPart()))
            .lastUpdated(new DateRangeParam().setLowerBoundExclusive(behind.getMeta().getLastUpdated()))
            .returnBundle(Bundle.class).execute();
        check(((Task) news.getEntryFirstRep().getResource()).getStatus() == Task.TaskStatus.INPROGRESS, "no news");
        Procedure procedure = body(Procedure.class, "procedure").setSubject(theirs.getFor()).addBasedOn(theirs.getFocus());
        IdType done = (IdType) agency.create().resource(procedure).execute().getId();
        CodeableConcept kind = new CodeableConcept();
        JsonNode coding = referral.get("resultingActivity").get("coding").get(0);
        kind.addCoding().setSystem(coding.get("system").asText()).setCode(coding.get("code").asText());
        theirs.addOutput().setType(kind).setValue(to(done.toUnqualified()));
        theirs.setStatus(Task.TaskStatus.COMPLETED);
        agency.update().resource(theirs).execute();
        Task completed = ehr.read().resource(Task.class).withId(id).execute();
        check(completed.getStatus() == Task.TaskStatus.COMPLETED, completed.getStatus());
        String output = ((Reference) completed.getOutputFirstRep().getValue()).getReference();
        Procedure result = ehr.read().resource(Procedure.class).withUrl(base + "/" + output).execute();
        check(result.getCode().getText().equals(procedure.getCode().getText()), result.getCode().getText());
    }

    private void hearOutcomes() {
        Patient future = patient("HA-9");
        future.addLink().setType(Patient.LinkType.REFER);
        OperationOutcome told = refused(UnprocessableEntityException.class, () -> ehr.create().resource(future).execute());
        check(told.getIssueFirstRep().getExpression().get(0).getValue().contains("Patient.link"), told.getIssueFirstRep().getDiagnostics());
        refused(InvalidRequestException.class, () -> ehr.search().byUrl("Patient?famly=x").returnBundle(Bundle.class).execute());
        IBaseResource valid = patient("HA-10");
        check(ehr.validate().resource(valid).execute().getOperationOutcome() != null, "no outcome");
    }
}
