package stellar;

/** A request that is answered with a status and a reason. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    final int status;

    Refused(int status, String reason) {
        super(reason, null, false, false); // its trace is not used
        this.status = status;
    }
}
