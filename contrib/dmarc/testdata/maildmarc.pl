# Evaluates worlds with Mail::DMARC. Reads a world in JSON per line, and writes a result and a policy
# per line.
use strict;
use warnings;
use JSON::PP;
use Mail::DMARC::PurePerl;

# Resolver answers from the world, in which every domain has an address.
package Resolver {
    sub new   { my ($class, $texts) = @_; return bless { texts => $texts }, $class }
    sub query { return Answer->new('A', '192.0.2.1') }

    sub send {
        my ($self, $name) = @_;
        return Answer->new('TXT', @{ $self->{texts}{ lc $name } || [] });
    }
}

package Answer {
    sub new    { my ($class, $type, @data) = @_; return bless { type => $type, data => \@data }, $class }
    sub answer { my ($self) = @_; return map { Data->new($self->{type}, $_) } @{ $self->{data} } }
}

package Data {
    sub new     { my ($class, $type, $text) = @_; return bless { type => $type, text => $text }, $class }
    sub type    { return $_[0]{type} }
    sub address { return $_[0]{text} }
    sub txtdata { return $_[0]{text} }

    sub AUTOLOAD {
        our $AUTOLOAD;
        return if $AUTOLOAD =~ /::DESTROY$/;
        return $_[0]{text};
    }
}

while (my $line = <STDIN>) {
    my $world = decode_json($line);
    my ($author) = $world->{from}[0] =~ /\@(.*)/;
    my $dmarc = Mail::DMARC::PurePerl->new;
    $dmarc->set_resolver(Resolver->new($world->{texts}));
    $dmarc->source_ip('192.0.2.1');
    $dmarc->header_from(lc $author);
    $dmarc->spf(domain => lc $_, scope => 'mfrom', result => 'pass') for @{ $world->{spf} };
    $dmarc->spf(domain => 'nothing.example', scope => 'mfrom', result => 'none') unless @{ $world->{spf} };
    $dmarc->dkim(domain => lc $_, selector => 's', result => 'pass') for @{ $world->{dkim} };
    $dmarc->dkim([]) unless @{ $world->{dkim} };
    my $result = $dmarc->validate;
    print $result->result, ' ', $result->disposition, "\n";
}
